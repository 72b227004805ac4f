"""Writes to the catalogue. `bookings` takes seats and gives them back through here."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F
from trellis import errors

from apps.catalog import caches, exceptions, selectors, types
from apps.catalog.models import Session, Workshop


class SessionFull(errors.Conflict):
    """Every seat of this session is taken."""


class SessionStarted(errors.Conflict):
    """This session has already started."""


class InThePast(errors.Invalid):
    """A session cannot be scheduled for a time that has passed."""


@transaction.atomic
def schedule_session(
    *,
    workshop_id: int,
    starts_at: datetime,
    minutes: int,
    room: str,
    capacity: int,
    price_cents: int,
    at: datetime,
) -> Session:
    """Announce a session with all its seats free. Raises `InThePast`."""
    if starts_at <= at:
        raise InThePast
    session = Session(
        workshop_id=workshop_id,
        starts_at=starts_at,
        minutes=minutes,
        room=room,
        capacity=capacity,
        seats_left=capacity,
        price_cents=price_cents,
    )
    session.full_clean()
    session.save()
    _forget(session)
    return session


@transaction.atomic
def reschedule_session(*, public_id: UUID, starts_at: datetime, at: datetime) -> Session:
    """Move a session to another time. Raises `SessionNotFound`, `InThePast`."""
    if starts_at <= at:
        raise InThePast
    session = Session.objects.select_for_update().filter(public_id=public_id).first()
    if session is None:
        raise exceptions.SessionNotFound
    session.starts_at = starts_at
    session.full_clean()
    session.save(update_fields=["starts_at"])
    _forget(session)
    return session


@transaction.atomic
def revise_workshop(*, workshop: Workshop) -> Workshop:
    """Save what was written about a workshop."""
    workshop.full_clean()
    workshop.save()
    for session in workshop.sessions.all():
        _forget(session)
    return workshop


@transaction.atomic
def announce_programme(*, programme: list[tuple[str, str, int]], at: datetime) -> None:
    """Announce workshops (title, summary, price in cents) on the coming evenings.

    A workshop whose title is there already is left alone.
    """
    evening = at.replace(hour=18, minute=0, second=0, microsecond=0) + timedelta(days=1)
    for days, (title, summary, price_cents) in enumerate(programme):
        workshop, is_new = Workshop.objects.get_or_create(
            title=title, defaults={"summary": summary}
        )
        for week in (0, 1) if is_new else ():
            schedule_session(
                workshop_id=workshop.pk,
                starts_at=evening + timedelta(days=days, weeks=week),
                minutes=120,
                room="Loft" if days % 2 else "Yard",
                capacity=1 if days == 2 and week == 0 else 8,
                price_cents=price_cents,
                at=at,
            )


@transaction.atomic
def take_seat(*, public_id: UUID, at: datetime) -> types.Session:
    """Take one seat, for good once the caller's transaction commits.

    One conditional UPDATE decides, so two people can never get the last seat.
    Raises `SessionNotFound`, `SessionStarted`, `SessionFull`.
    """
    open_sessions = Session.objects.filter(public_id=public_id, starts_at__gt=at, seats_left__gt=0)
    if not open_sessions.update(seats_left=F("seats_left") - 1):
        session = selectors.session(public_id=public_id)
        raise SessionStarted if session.starts_at <= at else SessionFull
    taken = Session.objects.get(public_id=public_id)
    _forget(taken)
    return selectors.session(public_id=public_id)


@transaction.atomic
def give_back_seat(*, session_id: int) -> None:
    """Free one seat that was taken. The check constraint refuses more than were taken."""
    Session.objects.filter(pk=session_id).update(seats_left=F("seats_left") + 1)
    _forget(Session.objects.get(pk=session_id))


def _forget(session: Session) -> None:
    caches.session.invalidate(public_id=session.public_id)
