from collections.abc import Callable
from datetime import timedelta

import pytest
import structlog
from django.core import mail
from django.utils import timezone
from structlog.testing import LogCapture
from trellis.models import FailedTask
from trellis.tasks import base
from trellis.testing import HarmlessTwice

from apps.bookings import clients, services, tasks
from apps.bookings.models import Booking
from apps.bookings.tests.factories import BookingFactory
from apps.catalog.tests.factories import SessionFactory


class TestTasks:
    @pytest.mark.parametrize(
        ("task", "service", "arguments"),
        [
            (tasks.send_confirmation, "send_confirmation", {"booking_id": 7}),
            (tasks.expire_unpaid_holds, "expire_unpaid_holds", {}),
            (tasks.resend_overdue_confirmations, "resend_overdue_confirmations", {}),
        ],
    )
    def test_call_their_service_and_bring_the_clock(
        self,
        task: Callable[..., None],
        service: str,
        arguments: dict[str, int],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        seen: list[dict[str, object]] = []
        monkeypatch.setattr(services, service, lambda **given: seen.append(given))

        task(**arguments)

        (given,) = seen
        assert given.pop("at") is not None
        assert given == arguments


class TestDeliveredTwice:
    def test_send_confirmation(self, assert_harmless_twice: HarmlessTwice) -> None:
        booking = BookingFactory()

        assert_harmless_twice(
            tasks.send_confirmation,
            booking_id=booking.pk,
            effects=lambda: len(mail.outbox),
            once=1,
        )

    def test_expire_unpaid_holds(self, assert_harmless_twice: HarmlessTwice) -> None:
        session = SessionFactory(capacity=3, seats_left=1)
        for _ in range(2):
            BookingFactory(
                session=session, status=Booking.Status.HELD, hold_expires_at=timezone.now()
            )

        def seats_left() -> object:
            session.refresh_from_db()
            return session.seats_left

        assert_harmless_twice(tasks.expire_unpaid_holds, effects=seats_left, once=3)

    def test_resend_overdue_confirmations(
        self, assert_harmless_twice: HarmlessTwice, eager_tasks: None
    ) -> None:
        BookingFactory(booked_at=timezone.now() - timedelta(hours=1))

        assert_harmless_twice(
            tasks.resend_overdue_confirmations, effects=lambda: len(mail.outbox), once=1
        )


@pytest.mark.django_db
class TestSendConfirmation:
    def test_outlasts_the_claim_of_a_colleague_that_died(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("random.randrange", lambda end: 0)  # jitter, if there is any
        lines = LogCapture()
        monkeypatch.setattr(base, "logger", structlog.wrap_logger(None, processors=[lines]))
        claimed = BookingFactory(confirmation_claimed_until=timezone.now() + services.CLAIM_LASTS)

        tasks.send_confirmation.apply(kwargs={"booking_id": claimed.pk}, throw=False)

        waits = [line["next_in"] for line in lines.entries if line["event"] == "task_retried"]
        assert timedelta(seconds=sum(waits)) > services.CLAIM_LASTS

    def test_is_tried_six_times_in_its_rhythm_and_then_is_a_failed_task(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(**_: object) -> None:
            raise ConnectionRefusedError("mail server is away")

        monkeypatch.setattr(clients, "mail_confirmation", refuse)
        lines = LogCapture()
        monkeypatch.setattr(base, "logger", structlog.wrap_logger(None, processors=[lines]))

        tasks.send_confirmation.apply(kwargs={"booking_id": BookingFactory().pk}, throw=False)

        retries = [line for line in lines.entries if line["event"] == "task_retried"]
        assert [(line["attempt"], line["of"]) for line in retries] == [(n, 6) for n in range(1, 6)]
        assert [line["next_in"] for line in retries] == [10, 20, 40, 80, 160]
        assert timedelta(seconds=160) + services.CLAIM_LASTS < services.OVERDUE_AFTER
        row = FailedTask.objects.get()
        assert (row.owner, row.attempts) == (tasks.send_confirmation.owner, 6)
