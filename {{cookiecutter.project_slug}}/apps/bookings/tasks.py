"""Tasks of bookings. Each calls one service."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from apps.bookings import services


@shared_task(
    name="bookings.send_confirmation",
    queue="mail",
    autoretry_for=(OSError,),  # the errors of smtplib are OSErrors
    retry_backoff=10,
    max_retries=5,
    soft_time_limit=50,
    time_limit=60,
)
def send_confirmation(*, booking_id: int) -> None:
    """Mail the attendee that the seat is booked."""
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
    """Enqueue confirmations again whose message was lost."""
    services.resend_overdue_confirmations(at=timezone.now())


@shared_task(
    name="bookings.expire_unpaid_holds",
    schedule=timedelta(minutes=1),
    expires=60,
    max_retries=0,  # the next run does the same work
    soft_time_limit=50,
    time_limit=60,
)
def expire_unpaid_holds() -> None:
    """Free the seats of holds that were not paid in time."""
    services.expire_unpaid_holds(at=timezone.now())
