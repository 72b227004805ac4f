import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.tests.factories import UserFactory
from apps.bookings import selectors
from apps.bookings.models import Booking
from apps.bookings.tests.factories import BookingFactory
from apps.catalog.tests.factories import SessionFactory

pytestmark = pytest.mark.django_db


class TestMyBookings:
    def test_shows_what_i_booked(self, client: Client) -> None:
        booking = BookingFactory()
        client.force_login(booking.attendee)

        page = client.get(reverse("bookings:my_bookings")).content.decode()

        assert booking.session.workshop.title in page
        assert "Confirmation on its way" in page

    @pytest.mark.parametrize(
        ("status", "offered"),
        [("held", True), ("confirmed", True), ("cancelled", False), ("expired", False)],
    )
    def test_offers_to_give_back_what_takes_a_seat(
        self, client: Client, status: str, offered: bool
    ) -> None:
        booking = BookingFactory(status=status, hold_expires_at=timezone.now())
        client.force_login(booking.attendee)

        page = client.get(reverse("bookings:my_bookings")).content.decode()

        assert ("Give back</button>" in page) == offered

    def test_leads_to_earlier_ones(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(selectors, "SHOWN", 1)
        earlier = BookingFactory()
        BookingFactory(attendee=earlier.attendee)
        client.force_login(earlier.attendee)

        page = client.get(reverse("bookings:my_bookings")).content.decode()
        (query,) = re.findall(r'href="(\?cursor=[^"]+)">Earlier bookings', page)
        second = client.get(reverse("bookings:my_bookings") + query).content.decode()

        assert earlier.session.workshop.title not in page
        assert earlier.session.workshop.title in second

    def test_asks_strangers_to_sign_in(self, client: Client) -> None:
        assert client.get(reverse("bookings:my_bookings")).status_code == 302


class TestBookSeat:
    def test_leads_to_my_bookings(self, client: Client) -> None:
        client.force_login(UserFactory())
        session = SessionFactory()

        page = client.post(reverse("bookings:book_seat", args=[session.public_id]), follow=True)

        assert f"You have a seat: {session.workshop.title}." in page.content.decode()

    def test_sends_who_is_signed_out_back_to_the_page_with_the_button(self, client: Client) -> None:
        session = SessionFactory()

        answer = client.post(reverse("bookings:book_seat", args=[session.public_id]))

        page = reverse("catalog:session_detail", args=[session.public_id])
        assert answer["Location"] == f"{reverse('accounts:login')}?next={page}"

    def test_says_so_when_the_session_is_full(self, client: Client) -> None:
        client.force_login(UserFactory())
        session = SessionFactory(seats_left=0)

        page = client.post(reverse("bookings:book_seat", args=[session.public_id]))

        assert page.status_code == 409
        assert "Every seat of this session is taken." in page.content.decode()


class TestCancelBooking:
    def test_gives_the_seat_back(self, client: Client) -> None:
        session = SessionFactory(seats_left=7)
        booking = BookingFactory(session=session)
        client.force_login(booking.attendee)

        client.post(reverse("bookings:cancel_booking", args=[booking.public_id]))

        booking.refresh_from_db()
        assert booking.status == Booking.Status.CANCELLED
