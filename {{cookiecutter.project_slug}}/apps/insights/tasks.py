"""Tasks of insights. Each calls one service."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from apps.insights import services


@shared_task(
    name="insights.refresh_daily_occupancy",
    queue="slow",
    schedule=timedelta(minutes=5),
    expires=300,
    max_retries=0,  # the next run does the same work
    soft_time_limit=50,
    time_limit=60,
)
def refresh_daily_occupancy() -> None:
    """Compute how many seats are taken on each day."""
    services.refresh_daily_occupancy(at=timezone.now())
