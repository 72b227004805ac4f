"""A booking that was committed gets its mail, whatever dies between the commit and the worker.

The example, running, with its own services.
"""

import socket
from pathlib import Path

import pytest

import demo
from tests.template.living import python

BOOK = """
from django.utils import timezone
from apps.accounts.models import User
from apps.bookings import services
from apps.catalog.models import Session
free = Session.objects.filter(price_cents=0, seats_left__gt=1, starts_at__gt=timezone.now())
def book(email):
    user, _ = User.objects.get_or_create(email=email)
    services.book_seat(session_public_id=free.first().public_id, by=user.pk, at=timezone.now())
"""
SWEEP = """
from datetime import timedelta
from django.utils import timezone
from apps.bookings import services
assert services.resend_overdue_confirmations(at=timezone.now() + timedelta(minutes=10))
"""


def wait_for_mail(project: Path, to: str) -> None:
    demo.wait_until(lambda: mails_to(project, to) == 1, seconds=60, what=f"the mail to {to}")


def mails_to(project: Path, to: str) -> int:
    mails = (project / "var" / "mail").glob("*.log")
    return sum(f"To: {to}" in mail.read_text() for mail in mails)


class TestBrokerAway:
    def test_fails_no_booking_and_the_mail_is_sent_later(
        self, desk_project: Path, desk: str
    ) -> None:
        with socket.socket() as deaf:  # bound, and not listening
            deaf.bind(("127.0.0.1", 0))
            printed = python(
                desk_project,
                BOOK + "book('away@example.com'); print('booked')",
                CELERY_BROKER_URL=f"redis://127.0.0.1:{deaf.getsockname()[1]}/0",
            )

        assert "booked" in printed
        assert "task_unpublished" in printed
        python(
            desk_project,
            "from trellis.tasks import scheduled; scheduled.republish_unpublished.delay()",
        )
        wait_for_mail(desk_project, "away@example.com")


class TestProcessKilled:
    def test_between_commit_and_message_the_sweep_sends_the_mail(
        self, desk_project: Path, desk: str
    ) -> None:
        with pytest.raises(demo.DemoFailed) as killed:
            python(
                desk_project,
                BOOK
                + "import os; from django.db import transaction\n"
                + "with transaction.atomic():\n"
                + "    transaction.on_commit(lambda: os._exit(9))  # before the other hooks\n"
                + "    book('killed@example.com')",
            )
        assert "Traceback" not in str(killed.value)
        assert mails_to(desk_project, "killed@example.com") == 0

        python(desk_project, SWEEP)

        wait_for_mail(desk_project, "killed@example.com")
