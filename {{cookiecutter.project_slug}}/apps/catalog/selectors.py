"""Reads of the catalogue."""

from datetime import date, datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet, Sum
from django.db.models.functions import TruncDate
from trellis import reads

from apps.catalog import caches, exceptions, types
from apps.catalog.models import Session, Workshop

SHOWN = 50  # sessions on a page
FOUND = 20  # workshops with sessions to come that a search looks at; who means another types on


@reads.selector(queries=1)
def upcoming_sessions(*, at: datetime, cursor: str = "") -> reads.Page[types.Session]:
    """Return the sessions that start after `at`, soonest first. Raises `CursorInvalid`."""
    return _page(Session.objects.filter(starts_at__gt=at), cursor=cursor)


@reads.selector(queries=2)
def sessions_titled(*, title: str, at: datetime, cursor: str = "") -> reads.Page[types.Session]:
    """Return those of `upcoming_sessions` whose title begins with `title`, in any letter case.

    If more than `FOUND` workshops have such, those of the first by title. The workshops first,
    and then their sessions: each by its index, however the data lies. Raises `CursorInvalid`.
    """
    upcoming = Session.objects.filter(starts_at__gt=at)
    workshops = Workshop.objects.filter(
        Exists(upcoming.filter(workshop=OuterRef("pk"))),
        title_key__begins=Workshop.key_of(title),
    ).order_by("title_key")
    found = list(workshops.values_list("pk", flat=True)[:FOUND])
    return _page(upcoming.filter(workshop_id__in=found), cursor=cursor)


@reads.selector(queries=1)
def session(*, public_id: UUID) -> types.Session:
    """Return one session. Raises `SessionNotFound`."""
    found = caches.session(public_id=public_id)
    if found is None:
        raise exceptions.SessionNotFound
    return found


@reads.selector(queries=1)
def seats_offered(*, first: date, last: date) -> list[types.SeatsOffered]:
    """Return the seats of each day from `first` to `last` that has sessions (days in UTC)."""
    days = (
        Session.objects.filter(reads.within_days("starts_at", first=first, last=last))
        .annotate(day=TruncDate("starts_at"))
        .values("day")
        .annotate(seats=Sum("capacity"), left=Sum("seats_left"))
        .order_by("day")
    )
    return [types.SeatsOffered(**row) for row in days]


def _page(sessions: QuerySet[Session], *, cursor: str) -> reads.Page[types.Session]:
    return reads.page(
        Session.announced(sessions),
        order=("starts_at", "id"),
        size=SHOWN,
        cursor=cursor,
        into=lambda row: types.Session(**row),
    )
