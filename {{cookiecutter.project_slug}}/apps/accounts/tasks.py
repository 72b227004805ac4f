"""Tasks of accounts. Each calls one service."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from apps.accounts import services


@shared_task(
    name="accounts.send_sign_up_link",
    queue="mail",
    autoretry_for=(OSError,),  # the errors of smtplib are OSErrors
    retry_backoff=10,
    max_retries=5,
    soft_time_limit=50,
    time_limit=60,
)
def send_sign_up_link(*, email: str, site: str, mail_id: UUID) -> None:
    """Mail a link to somebody who wants to sign up."""
    services.send_sign_up_link(email=email, site=site, mail_id=mail_id, at=timezone.now())


@shared_task(
    name="accounts.send_password_reset_link",
    queue="mail",
    autoretry_for=(OSError,),
    retry_backoff=10,
    max_retries=5,
    soft_time_limit=50,
    time_limit=60,
)
def send_password_reset_link(*, email: str, site: str, mail_id: UUID) -> None:
    """Mail a link to somebody who forgot the password."""
    services.send_password_reset_link(email=email, site=site, mail_id=mail_id, at=timezone.now())
