from datetime import timedelta

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.tests.factories import UserFactory
from apps.bookings.models import Booking
from apps.bookings.tests.factories import BookingFactory

pytestmark = pytest.mark.django_db


class TestRecordPayment:
    def test_confirms_the_chosen_bookings(self, admin_client: Client) -> None:
        booking = BookingFactory(
            status=Booking.Status.HELD, hold_expires_at=timezone.now() + timedelta(hours=1)
        )

        admin_client.post(
            reverse("admin:bookings_booking_changelist"),
            {"action": "record_payment", ACTION_CHECKBOX_NAME: [booking.pk]},
        )

        booking.refresh_from_db()
        assert booking.status == Booking.Status.CONFIRMED

    def test_is_not_for_staff_without_the_permission(self, client: Client) -> None:
        booking = BookingFactory(
            status=Booking.Status.HELD, hold_expires_at=timezone.now() + timedelta(hours=1)
        )
        client.force_login(UserFactory(is_staff=True))

        client.post(
            reverse("admin:bookings_booking_changelist"),
            {"action": "record_payment", ACTION_CHECKBOX_NAME: [booking.pk]},
        )

        booking.refresh_from_db()
        assert booking.status == Booking.Status.HELD
        answer = client.get(reverse("admin:bookings_booking_changelist"))
        assert answer.status_code == 403

    def test_says_which_booking_was_not_waiting(self, admin_client: Client) -> None:
        booking = BookingFactory()

        page = admin_client.post(
            reverse("admin:bookings_booking_changelist"),
            {"action": "record_payment", ACTION_CHECKBOX_NAME: [booking.pk]},
            follow=True,
        )

        assert str(booking.public_id) in page.content.decode()
