"""Doors for the queue: each task calls one service."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from apps.bookings import exceptions, services


@shared_task(
    name="bookings.send_confirmation",
    queue="mail",
    # The mail server is away or says no (smtplib's errors are OSErrors), or a colleague is on it.
    autoretry_for=(OSError, exceptions.ConfirmationInProgress),
    retry_backoff=10,
    retry_jitter=False,  # the waits must outlast a dead colleague's claim
    max_retries=5,
    soft_time_limit=50,
    time_limit=60,
)
def send_confirmation(*, booking_id: int) -> None:
    """Mail the attendee that the seat is theirs."""
    services.send_confirmation(booking_id=booking_id, at=timezone.now())


@shared_task(
    name="bookings.resend_overdue_confirmations",
    schedule=timedelta(minutes=5),
    expires=300,
    max_retries=0,  # the next run does the same work
    soft_time_limit=50,
    time_limit=60,
)
def resend_overdue_confirmations() -> None:
    """Find confirmations whose message was lost on the way to the queue."""
    services.resend_overdue_confirmations(at=timezone.now())


@shared_task(
    name="bookings.expire_unpaid_holds",
    schedule=timedelta(minutes=1),
    expires=60,
    max_retries=0,  # the next run, a minute later, does the same work
    soft_time_limit=50,
    time_limit=60,
)
def expire_unpaid_holds() -> None:
    """Free the seats of holds that were not paid in time."""
    services.expire_unpaid_holds(at=timezone.now())
