"""Computing the figures."""

from datetime import datetime, timedelta

from django.db import transaction

from apps.bookings import selectors as bookings
from apps.catalog import selectors as catalog
from apps.insights.models import DailyOccupancy

DAYS_BACK = timedelta(days=7)
DAYS_AHEAD = timedelta(days=60)


@transaction.atomic
def refresh_daily_occupancy(*, at: datetime) -> int:
    """Compute the figures of the days around `at`. Returns how many days have sessions.

    The page then reads one small table, instead of counting all bookings for each visitor.
    """
    first, last = (at - DAYS_BACK).date(), (at + DAYS_AHEAD).date()
    taken = {day.day: day.seats for day in bookings.seats_taken(first=first, last=last)}
    figures = [
        DailyOccupancy(
            day=offered.day,
            seats_offered=offered.seats,
            seats_taken=taken.get(offered.day, 0),
            refreshed_at=at,
        )
        for offered in catalog.seats_offered(first=first, last=last)
    ]
    days = DailyOccupancy.objects.filter(day__range=(first, last))
    days.exclude(day__in=[figure.day for figure in figures]).delete()
    DailyOccupancy.objects.bulk_create(
        figures,
        update_conflicts=True,
        unique_fields=["day"],
        update_fields=["seats_offered", "seats_taken", "refreshed_at"],
    )
    return len(figures)
