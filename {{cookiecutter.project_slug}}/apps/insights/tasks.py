"""Doors for the queue: each task calls one service."""

from datetime import timedelta

from celery import shared_task
from celery.schedules import crontab
from django.utils import timezone

from apps.insights import services


@shared_task(
    name="insights.refresh_changed_days",
    queue="slow",
    schedule=timedelta(minutes=1),
    expires=60,
    max_retries=0,  # the next run does the same work
    soft_time_limit=50,
    time_limit=60,
)
def refresh_changed_days() -> None:
    """Count afresh how full the days are on which somebody took or gave back a seat."""
    services.refresh_changed_days(at=timezone.now())


@shared_task(
    name="insights.rebuild_daily_occupancy",
    queue="slow",
    schedule=crontab(hour=3, minute=0),
    expires=3600,
    max_retries=0,  # the next night does the same work
    soft_time_limit=50,
    time_limit=60,
)
def rebuild_daily_occupancy() -> None:
    """Count afresh how full all the coming days are."""
    services.rebuild_daily_occupancy(at=timezone.now())
