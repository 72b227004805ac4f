"""The library's own scheduled tasks. They belong to the first team of teams.toml."""

from datetime import timedelta

from celery import shared_task
from celery.schedules import crontab
from django.utils import timezone

from trellis.tasks import failures, retention


@shared_task(
    name="trellis.republish_unpublished",
    schedule=timedelta(minutes=1),
    expires=60,
    max_retries=0,  # the next run does the same work
    time_limit=60,
)
def republish_unpublished() -> None:
    """Publish what the broker refused when it was away."""
    failures.republish_unpublished(by="trellis.republish_unpublished")


@shared_task(
    name="trellis.clean_up",
    schedule=crontab(minute=0, hour=3),
    expires=3600,
    max_retries=0,  # tomorrow's run does the same work
    time_limit=600,
)
def clean_up() -> None:
    """Delete old sessions, limits, failures, claims and files (RETENTION_DAYS)."""
    retention.clean_up(at=timezone.now())
