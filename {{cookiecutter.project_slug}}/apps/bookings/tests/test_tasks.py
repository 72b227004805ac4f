from datetime import timedelta

from django.core import mail
from django.utils import timezone
from trellis.testing import HarmlessTwice

from apps.bookings import tasks
from apps.bookings.models import Booking
from apps.bookings.tests.factories import BookingFactory
from apps.catalog.tests.factories import SessionFactory


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
        BookingFactory.create_batch(
            2, session=session, status=Booking.Status.HELD, hold_expires_at=timezone.now()
        )

        def seats_left() -> int:
            session.refresh_from_db()
            return int(session.seats_left)

        assert_harmless_twice(tasks.expire_unpaid_holds, effects=seats_left, once=3)

    def test_resend_overdue_confirmations(
        self, assert_harmless_twice: HarmlessTwice, eager_tasks: None
    ) -> None:
        BookingFactory(booked_at=timezone.now() - timedelta(hours=1))

        assert_harmless_twice(
            tasks.resend_overdue_confirmations, effects=lambda: len(mail.outbox), once=1
        )
