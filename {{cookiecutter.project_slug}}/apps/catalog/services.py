"""Writes to the catalog. The app `bookings` takes seats and gives them back through this module."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models import F
from trellis import errors

from apps.catalog import caches, selectors, tasks, types
from apps.catalog.models import Session, Tag, Workshop

MAX_WAITING_PROPOSALS = 5  # of one person; a few more if they are sent at the same moment


class SessionFull(errors.Conflict):
    """Every seat of this session is taken."""


class SessionStarted(errors.Conflict):
    """This session has already started."""


class InThePast(errors.Invalid):
    """A session cannot be scheduled for a time that has passed."""


class TitleTaken(errors.Invalid):
    """There is a workshop, or a proposal, with this title already."""


class UnknownTag(errors.Invalid):
    """There is no such tag."""


class TooManyProposals(errors.Conflict):
    """You have sent several proposals already. Please wait until we have read them."""


class NotAProposal(errors.Conflict):
    """This is not a proposal any more."""


@transaction.atomic
def add_tag(*, name: str) -> int:
    """Add a tag and return its id. Raises `ValidationError` if it exists."""
    tag = Tag(name=name)
    tag.full_clean()
    tag.save()
    return tag.pk


@transaction.atomic
def announce_workshop(*, title: str, summary: str, tags: Sequence[str] = (), at: datetime) -> int:
    """Add a workshop and return its id. Raises `TitleTaken` or `UnknownTag`."""
    return _save(Workshop(title=title, summary=summary, published_at=at), tags=tags)


@transaction.atomic
def revise_workshop(
    *, workshop_id: int, title: str, summary: str, tags: Sequence[str] = ()
) -> None:
    """Change the words of a workshop. Raises `TitleTaken` or `UnknownTag`."""
    workshop = Workshop.objects.get(pk=workshop_id)
    workshop.title = title
    workshop.summary = summary
    _save(workshop, tags=tags)
    for public_id in workshop.sessions.values_list("public_id", flat=True):
        caches.session.invalidate(public_id=public_id)


def propose_workshop(
    *, title: str, summary: str, tags: Sequence[str], picture: File[bytes] | None = None, by: int
) -> int:
    """Keep a proposal until staff publish or reject it, and return its id.

    Raises `TitleTaken`, `UnknownTag` or `TooManyProposals`.
    """
    # Store the file first: no network call inside a transaction. A refusal deletes it.
    name = default_storage.save(f"workshops/{picture.name}", picture) if picture else ""
    try:
        return _keep_proposal(
            title=title, summary=summary, picture=name, proposed_by_id=by, tags=tags
        )
    except BaseException:
        if name:
            tasks.delete_picture.delay_on_commit(name=name)
        raise


@transaction.atomic
def _keep_proposal(*, tags: Sequence[str], proposed_by_id: int, **fields: Any) -> int:
    waiting = Workshop.objects.filter(proposed_by_id=proposed_by_id, published_at=None)
    if waiting.count() >= MAX_WAITING_PROPOSALS:
        raise TooManyProposals
    return _save(Workshop(proposed_by_id=proposed_by_id, **fields), tags=tags)


@transaction.atomic
def publish_proposal(*, workshop_id: int, at: datetime) -> None:
    """Make a workshop of a proposal. Raises `NotAProposal`."""
    waiting = Workshop.objects.filter(pk=workshop_id, published_at=None)
    if not waiting.update(published_at=at):
        raise NotAProposal


@transaction.atomic
def reject_proposal(*, workshop_id: int) -> None:
    """Delete a proposal and its picture. Raises `NotAProposal`."""
    waiting = Workshop.objects.select_for_update().filter(pk=workshop_id, published_at=None)
    workshop = waiting.first()
    if workshop is None:
        raise NotAProposal
    workshop.delete()
    if workshop.picture:
        tasks.delete_picture.delay_on_commit(name=workshop.picture.name)


def delete_picture(*, name: str) -> None:
    """Delete the file of a picture, if it is still there."""
    default_storage.delete(name)


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
    tags = {name for plan in workshops for name in plan.tags}
    Tag.objects.bulk_create([Tag(name=name) for name in sorted(tags)], ignore_conflicts=True)
    for days, plan in enumerate(workshops, start=1):
        if plan.title in announced:
            continue
        workshop_id = announce_workshop(
            title=plan.title, summary=plan.summary, tags=plan.tags, at=at
        )
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


def _save(workshop: Workshop, *, tags: Sequence[str]) -> int:
    """Save a workshop with its tags and return its id. Raises `TitleTaken` or `UnknownTag`."""
    known = {tag.name: tag for tag in Tag.objects.all()}
    if unknown := sorted(set(tags) - set(known)):
        raise UnknownTag(f"There is no tag “{unknown[0]}”.", field="tags")
    workshop.full_clean(validate_unique=False)
    try:
        workshop.save()
    except IntegrityError as error:  # the database decides, also between two at the same time
        raise TitleTaken(field="title") from error
    workshop.tags.set([known[name] for name in tags])
    return workshop.pk
