"""Reads of the figures."""

from datetime import date

from apps.insights.models import DailyOccupancy
from conventions.querying import promised, selector


@selector(queries=1)
def daily_occupancy(*, since: date) -> list[DailyOccupancy]:
    """Return the days from `since` on that have sessions, in order."""
    return list(promised(DailyOccupancy.objects.filter(day__gte=since)))
