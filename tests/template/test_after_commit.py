"""What the user did is done, whatever dies between the commit and the worker.

Each test kills exactly what it names, against a project that runs.
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
def book(who):
    user, _ = User.objects.get_or_create(email=who)
    services.book_seat(session_public_id=free.first().public_id, by=user.pk, at=timezone.now())
"""


def mails_to(project: Path, who: str) -> int:
    mails = (project / "var" / "mail").glob("*.log")
    return sum(f"To: {who}" in mail.read_text() for mail in mails)


class TestADeadBroker:
    def test_costs_no_error_and_the_mail_is_sent_when_it_is_back(
        self, desk_project: Path, desk: str
    ) -> None:
        with socket.socket() as nobody:  # bound, and not listened to
            nobody.bind(("127.0.0.1", 0))
            broker = f"redis://127.0.0.1:{nobody.getsockname()[1]}"

            said = python(
                desk_project,
                BOOK + "book('dead@example.com'); print('booked')",
                CELERY_BROKER_URL=broker,
            )

        assert "booked" in said
        assert "task_unpublished" in said
        python(desk_project, "from conventions import tasks; tasks.republish_unpublished.delay()")
        demo.wait_until(
            lambda: mails_to(desk_project, "dead@example.com") == 1, seconds=60, what="the mail"
        )


class TestADeadProcess:
    def test_between_commit_and_message_is_found_by_the_sweep(
        self, desk_project: Path, desk: str
    ) -> None:
        with pytest.raises(demo.DemoFailed) as died:
            python(
                desk_project,
                BOOK
                + "import os; from django.db import transaction\n"
                + "with transaction.atomic():\n"
                + "    transaction.on_commit(lambda: os._exit(9))  # the first of its hooks\n"
                + "    book('crash@example.com')",
            )
        assert "Traceback" not in str(died.value)
        assert mails_to(desk_project, "crash@example.com") == 0

        python(
            desk_project,
            "from datetime import timedelta; from django.utils import timezone\n"
            "from apps.bookings import services\n"
            "in_time = timezone.now() + timedelta(minutes=10)\n"
            "assert services.resend_overdue_confirmations(at=in_time)",
        )
        demo.wait_until(
            lambda: mails_to(desk_project, "crash@example.com") == 1, seconds=60, what="the mail"
        )
