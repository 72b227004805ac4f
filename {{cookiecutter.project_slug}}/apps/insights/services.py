"""Computing the figures.

A booking cannot tell us that a day has changed: this app depends on `bookings`, never the other
way round. So a scheduled task looks every minute which days have, and counts those afresh; every
night it counts them all. Each day says when that was.
"""

from datetime import date, datetime, timedelta

from django.db import transaction

from apps.bookings import selectors as bookings
from apps.catalog import selectors as catalog
from apps.insights.models import DailyOccupancy

LOOKS_BACK = timedelta(days=7)
LOOKS_AHEAD = timedelta(days=60)


@transaction.atomic
def rebuild_daily_occupancy(*, at: datetime) -> int:
    """Count the days around `at` afresh. Returns how many have sessions.

    A fixed number of statements however many bookings there are: the page then reads one small
    table where it would otherwise count every booking on every view.
    """
    first, last = _window(at)
    return _count(first=first, last=last, at=at)


@transaction.atomic
def refresh_changed_days(*, at: datetime) -> int:
    """Count afresh the days whose seats are no longer what they were. Returns how many.

    Each session knows how many of its seats are left, so one look at the sessions tells where
    bookings have to be counted.
    """
    first, last = _window(at)
    ours = {
        day.day: (day.seats_offered, day.seats_taken)
        for day in DailyOccupancy.objects.filter(day__range=(first, last))
    }
    theirs = {
        day.day: (day.seats, day.seats - day.left)
        for day in catalog.seats_offered(first=first, last=last)
    }
    changed = {day for day in ours.keys() | theirs.keys() if ours.get(day) != theirs.get(day)}
    for day in sorted(changed):
        _count(first=day, last=day, at=at)
    return len(changed)


def _window(at: datetime) -> tuple[date, date]:
    return (at - LOOKS_BACK).date(), (at + LOOKS_AHEAD).date()


def _count(*, first: date, last: date, at: datetime) -> int:
    """Count the days from `first` to `last`, one or many, and write down when."""
    days = DailyOccupancy.objects.filter(day__range=(first, last))
    list(days.select_for_update())  # locked first: of two who count a day, the later count stands
    taken = {row.day: row.seats for row in bookings.seats_taken(first=first, last=last)}
    counted = [
        DailyOccupancy(
            day=offered.day,
            seats_offered=offered.seats,
            seats_taken=taken.get(offered.day, 0),
            refreshed_at=at,
        )
        for offered in catalog.seats_offered(first=first, last=last)
    ]
    days.exclude(day__in=[day.day for day in counted]).delete()
    DailyOccupancy.objects.bulk_create(
        counted,
        # Two runs at once do not see each other's rows, and the second writes over the first's.
        update_conflicts=True,
        unique_fields=["day"],
        update_fields=["seats_offered", "seats_taken", "refreshed_at"],
    )
    return len(counted)
