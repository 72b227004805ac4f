"""Writes to the catalog. The app `bookings` takes seats and gives them back through this module."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F
from trellis import errors

from apps.catalog import caches, selectors, types
from apps.catalog.models import Session, Workshop


class SessionFull(errors.Conflict):
    """Every seat of this session is taken."""


class SessionStarted(errors.Conflict):
    """This session has already started."""


class InThePast(errors.Invalid):
    """A session cannot be scheduled for a time that has passed."""


@transaction.atomic
def announce_workshop(*, title: str, summary: str) -> int:
    """Add a workshop and return its id. Raises `ValidationError` if the title is taken."""
    workshop = Workshop(title=title, summary=summary)
    workshop.full_clean()
    workshop.save()
    return workshop.pk


@transaction.atomic
def revise_workshop(*, workshop_id: int, title: str, summary: str) -> None:
    """Change the words of a workshop. Raises `ValidationError` if the title is taken."""
    workshop = Workshop.objects.get(pk=workshop_id)
    workshop.title = title
    workshop.summary = summary
    workshop.full_clean()
    workshop.save()
    for public_id in workshop.sessions.values_list("public_id", flat=True):
        caches.session.invalidate(public_id=public_id)


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
) -> int:
    """Add a session with every seat free and return its id. Raises `InThePast`."""
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
    return session.pk


@transaction.atomic
def reschedule_session(*, session_id: int, starts_at: datetime, at: datetime) -> None:
    """Move a session to another time. Raises `InThePast`."""
    if starts_at <= at:
        raise InThePast
    session = Session.objects.select_for_update().get(pk=session_id)
    session.starts_at = starts_at
    session.save(update_fields=["starts_at"])
    caches.session.invalidate(public_id=session.public_id)


@transaction.atomic
def announce_programme(*, workshops: list[types.PlannedWorkshop], at: datetime) -> None:
    """Announce workshops, one for each evening from tomorrow on, and each again a week later.

    A workshop whose title exists already stays as it is.
    """
    evening = at.replace(hour=18, minute=0, second=0, microsecond=0)
    announced = set(Workshop.objects.values_list("title", flat=True))
    for days, plan in enumerate(workshops, start=1):
        if plan.title in announced:
            continue
        workshop_id = announce_workshop(title=plan.title, summary=plan.summary)
        for weeks in (0, 1):
            schedule_session(
                workshop_id=workshop_id,
                starts_at=evening + timedelta(days=days, weeks=weeks),
                minutes=120,
                room=plan.room,
                capacity=plan.capacity,
                price_cents=plan.price_cents,
                at=at,
            )


@transaction.atomic
def take_seat(*, public_id: UUID, at: datetime) -> types.Session:
    """Take one seat of a session, and lock the session until the caller's transaction ends.

    One conditional UPDATE decides, so two people never get the last seat.
    Raises `selectors.SessionNotFound`, `SessionStarted` or `SessionFull`.
    """
    bookable = Session.objects.filter(public_id=public_id, starts_at__gt=at, seats_left__gt=0)
    if not bookable.update(seats_left=F("seats_left") - 1):
        session = selectors.session(public_id=public_id)
        raise SessionStarted if session.starts_at <= at else SessionFull
    caches.session.invalidate(public_id=public_id)
    return selectors.session(public_id=public_id)


@transaction.atomic
def give_back_seat(*, session_id: int) -> None:
    """Free one seat of a session. The check constraint refuses more seats than were taken."""
    Session.objects.filter(pk=session_id).update(seats_left=F("seats_left") + 1)
    session = Session.objects.get(pk=session_id)
    caches.session.invalidate(public_id=session.public_id)
