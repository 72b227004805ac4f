"""Reads of the catalogue."""

from datetime import date, datetime
from uuid import UUID

from django.db.models import Sum
from django.db.models.functions import TruncDate

from apps.catalog import caches, exceptions, types
from apps.catalog.models import Session
from conventions.querying import selector


@selector(queries=1)
def upcoming_sessions(*, at: datetime) -> list[types.Session]:
    """Return the sessions that start after `at`, soonest first."""
    return [session for session in caches.next_sessions() if session.starts_at > at]


@selector(queries=1)
def session(*, public_id: UUID) -> types.Session:
    """Return one session. Raises `SessionNotFound`."""
    found = caches.session(public_id=public_id)
    if found is None:
        raise exceptions.SessionNotFound
    return found


@selector(queries=1)
def seats_offered(*, first: date, last: date) -> list[types.SeatsOffered]:
    """Return the seats of each day from `first` to `last` that has sessions (days in UTC)."""
    days = (
        Session.objects.filter(starts_at__date__gte=first, starts_at__date__lte=last)
        .annotate(day=TruncDate("starts_at"))
        .values("day")
        .annotate(seats=Sum("capacity"), left=Sum("seats_left"))
        .order_by("day")
    )
    return [types.SeatsOffered(**row) for row in days]
