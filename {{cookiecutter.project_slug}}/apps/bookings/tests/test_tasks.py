from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone
from trellis import testing

from apps.bookings import clients, tasks
from apps.bookings.models import Booking
from apps.bookings.tests.factories import BookingFactory
from apps.catalog.tests.factories import SessionFactory


class TestSendConfirmation:
    @pytest.mark.django_db
    def test_is_tried_again_when_the_mail_server_failed(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tries = []

        def fail_once(**_: object) -> None:
            tries.append(1)
            if len(tries) == 1:
                raise ConnectionRefusedError("no mail server")

        monkeypatch.setattr(clients, "mail_confirmation", fail_once)

        tasks.send_confirmation.apply(kwargs={"booking_id": BookingFactory().pk})

        assert len(tries) == 2


@pytest.mark.django_db(transaction=True)
class TestDeliveredTwice:
    def test_send_confirmation(self) -> None:
        booking = BookingFactory()

        testing.assert_harmless_twice(
            tasks.send_confirmation,
            booking_id=booking.pk,
            effects=lambda: len(mail.outbox),
            once=1,
        )

    def test_expire_unpaid_holds(self) -> None:
        session = SessionFactory(capacity=3, seats_left=1)
        BookingFactory.create_batch(
            2, session=session, status=Booking.Status.HELD, hold_expires_at=timezone.now()
        )

        def seats_left() -> int:
            session.refresh_from_db()
            return int(session.seats_left)

        testing.assert_harmless_twice(tasks.expire_unpaid_holds, effects=seats_left, once=3)

    def test_resend_overdue_confirmations(self, eager_tasks: None) -> None:
        BookingFactory(booked_at=timezone.now() - timedelta(hours=1))

        testing.assert_harmless_twice(
            tasks.resend_overdue_confirmations, effects=lambda: len(mail.outbox), once=1
        )
