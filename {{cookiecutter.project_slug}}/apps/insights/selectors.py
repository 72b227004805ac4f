"""Reads of the figures."""

from datetime import date

from trellis import reads

from apps.insights.models import DailyOccupancy


@reads.selector(queries=1)
def daily_occupancy(*, since: date) -> list[DailyOccupancy]:
    """Return the days from `since` on that have sessions, in order."""
    return list(reads.promised(DailyOccupancy.objects.filter(day__gte=since)))
