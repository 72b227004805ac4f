"""Doors for the queue: each task calls one service."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from apps.insights import services


@shared_task(
    name="insights.rebuild_daily_occupancy",
    queue="slow",
    schedule=timedelta(minutes=1),
    expires=60,
    max_retries=0,  # the next run does the same work
    soft_time_limit=50,
    time_limit=60,
)
def rebuild_daily_occupancy() -> None:
    """Compute how full the coming days are."""
    services.rebuild_daily_occupancy(at=timezone.now())
