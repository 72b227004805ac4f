"""Reads of the catalog."""

from datetime import date, datetime
from uuid import UUID

from django.db.models import Sum
from django.db.models.functions import TruncDate
from trellis import errors, reads

from apps.catalog import caches, types
from apps.catalog.models import Session

PAGE_SIZE = 50


class SessionNotFound(errors.NotFound):
    """There is no such session."""


@reads.selector(queries=1)
def upcoming_sessions(
    *, at: datetime, title: str = "", cursor: str = ""
) -> reads.Page[types.Session]:
    """Return the sessions that start after `at`, soonest first.

    With `title`, only those whose title contains it. Raises `CursorInvalid`.
    """
    sessions = Session.objects.filter(starts_at__gt=at)
    if title:
        # PostgreSQL refuses a NUL character in text.
        sessions = sessions.filter(workshop__title__icontains=title.replace("\0", ""))
    return reads.page(
        Session.values_of(sessions),
        order=("starts_at", "id"),
        size=PAGE_SIZE,
        cursor=cursor,
        into=lambda values: types.Session(**values),
    )


@reads.selector(queries=1)
def session(*, public_id: UUID) -> types.SessionDetail:
    """Return one session. Raises `SessionNotFound`."""
    found = caches.session(public_id=public_id)
    if found is None:
        raise SessionNotFound
    return found


@reads.selector(queries=1)
def seats_offered(*, first: date, last: date) -> list[types.SeatsOffered]:
    """Return the seats of each day from `first` to `last` that has sessions (days in UTC)."""
    days = (
        Session.objects.filter(reads.within_days("starts_at", first=first, last=last))
        .annotate(day=TruncDate("starts_at"))
        .values("day")
        .annotate(seats=Sum("capacity"))
        .order_by("day")
    )
    return [types.SeatsOffered(**row) for row in days]
