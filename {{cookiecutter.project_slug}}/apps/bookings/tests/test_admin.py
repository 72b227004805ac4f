from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from trellis import testing

from apps.accounts.tests.factories import UserFactory
from apps.bookings.models import Booking
from apps.bookings.tests.factories import BookingFactory

pytestmark = pytest.mark.django_db
LIST = reverse("admin:bookings_booking_changelist")


def held_booking() -> Booking:
    in_an_hour = timezone.now() + timedelta(hours=1)
    booking: Booking = BookingFactory(status=Booking.Status.HELD, hold_expires_at=in_an_hour)
    return booking


def record_payment(client: Client, booking: Booking) -> Any:
    data = {"action": "record_payment", ACTION_CHECKBOX_NAME: [booking.pk]}
    return client.post(LIST, data, follow=True)


class TestBookingAdmin:
    def test_lists_bookings_with_a_constant_number_of_queries(self, admin_client: Client) -> None:
        testing.assert_constant_page(admin_client, LIST, grow=BookingFactory.create_batch)

    def test_has_no_page_that_changes_rows_without_a_service(self, admin_client: Client) -> None:
        booking = BookingFactory()

        assert admin_client.get(reverse("admin:bookings_booking_add")).status_code == 403
        for page in ("change", "delete"):
            address = reverse(f"admin:bookings_booking_{page}", args=[booking.pk])
            assert admin_client.post(address, {"post": "yes"}).status_code == 403


class TestRecordPayment:
    def test_confirms_the_chosen_bookings(self, admin_client: Client) -> None:
        booking = held_booking()

        record_payment(admin_client, booking)

        booking.refresh_from_db()
        assert booking.status == Booking.Status.CONFIRMED

    def test_names_a_booking_that_was_not_waiting(self, admin_client: Client) -> None:
        booking = BookingFactory()

        page = record_payment(admin_client, booking)

        assert f"Booking {booking.public_id}" in page.content.decode()

    def test_is_not_for_staff_who_may_only_look(self, client: Client) -> None:
        booking = held_booking()
        staff = UserFactory(is_staff=True)
        staff.user_permissions.add(Permission.objects.get(codename="view_booking"))
        client.force_login(staff)
        assert client.get(LIST).status_code == 200

        record_payment(client, booking)

        booking.refresh_from_db()
        assert booking.status == Booking.Status.HELD
