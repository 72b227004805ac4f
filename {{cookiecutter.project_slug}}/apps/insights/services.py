"""Computing the figures."""

from datetime import datetime, timedelta

from django.db import transaction

from apps.bookings import selectors as bookings
from apps.catalog import selectors as catalog
from apps.insights.models import DailyOccupancy

LOOKS_BACK = timedelta(days=7)
LOOKS_AHEAD = timedelta(days=60)


@transaction.atomic
def rebuild_daily_occupancy(*, at: datetime) -> int:
    """Compute the days around `at` afresh. Returns how many have sessions.

    Three statements whatever the number of bookings: the page then reads one small table where
    it would otherwise count every booking on every view.
    """
    first, last = (at - LOOKS_BACK).date(), (at + LOOKS_AHEAD).date()
    taken = {row.day: row.seats for row in bookings.seats_taken(first=first, last=last)}
    days = [
        DailyOccupancy(
            day=offered.day,
            seats_offered=offered.seats,
            seats_taken=taken.get(offered.day, 0),
            refreshed_at=at,
        )
        for offered in catalog.seats_offered(first=first, last=last)
    ]
    DailyOccupancy.objects.filter(day__range=(first, last)).delete()
    DailyOccupancy.objects.bulk_create(
        days,
        # Two runs at once do not see each other's rows, and the second writes over the first's.
        update_conflicts=True,
        unique_fields=["day"],
        update_fields=["seats_offered", "seats_taken", "refreshed_at"],
    )
    return len(days)
