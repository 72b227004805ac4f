import re
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.tests.factories import UserFactory
from apps.bookings.models import Booking
from apps.bookings.tests.factories import BookingFactory
from apps.catalog import selectors as catalog
from apps.catalog.models import Session
from apps.catalog.tests.factories import SessionFactory

pytestmark = pytest.mark.django_db
LIST = reverse("bookings:session_list")
MY_BOOKINGS = reverse("bookings:my_bookings")


def get(client: Client, address: str, **query: str) -> str:
    return client.get(address, query).content.decode()


def detail(session: Session) -> str:
    return reverse("bookings:session_detail", args=[session.public_id])


class TestSessionList:
    def test_shows_sessions_with_their_seats(self, client: Client) -> None:
        SessionFactory(seats_left=0)
        SessionFactory(seats_left=1)

        page = get(client, LIST)

        assert "Full" in page
        assert "1 seat left" in page

    def test_links_to_later_sessions(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(catalog, "PAGE_SIZE", 1)
        _, later = SessionFactory.create_batch(2)

        first = get(client, LIST)
        (query,) = re.findall(r'href="(\?cursor=[^"]+)">Later sessions', first)
        second = get(client, LIST + query)

        assert later.workshop.title not in first
        assert later.workshop.title in second
        assert "Later sessions" not in second

    def test_refuses_a_cursor_that_was_changed(self, client: Client) -> None:
        answer = client.get(LIST, {"cursor": "changed"})

        assert answer.status_code == 400
        assert "start at the first page" in answer.content.decode()

    def test_searches_by_title(self, client: Client) -> None:
        SessionFactory(workshop__title="Bread")
        SessionFactory(workshop__title="Bowls")

        page = get(client, LIST, title="rea")

        assert "Bread" in page
        assert "Bowls" not in page
        assert 'value="rea"' in page

    def test_tells_when_nothing_was_found(self, client: Client) -> None:
        assert "No workshop is called “&lt;x&gt;”." in get(client, LIST, title="<x>")


class TestSessionDetail:
    def test_offers_a_seat_to_a_person_who_is_signed_in(self, client: Client) -> None:
        client.force_login(UserFactory())

        page = get(client, detail(SessionFactory()))

        assert "Book a seat" in page

    def test_offers_no_second_seat_and_a_way_to_cancel_the_first(self, client: Client) -> None:
        booking = BookingFactory()
        client.force_login(booking.attendee)

        page = get(client, detail(booking.session))

        assert "You have a seat." in page
        assert reverse("bookings:cancel_booking", args=[booking.public_id]) in page
        assert "Book a seat" not in page

    @pytest.mark.parametrize(
        ("changes", "notice"),
        [
            ({"seats_left": 0}, "This session is full."),
            ({"starts_at": datetime(2020, 1, 1, tzinfo=UTC)}, "This session has started."),
        ],
    )
    def test_offers_no_seat_where_there_is_none(
        self, client: Client, changes: dict[str, object], notice: str
    ) -> None:
        client.force_login(UserFactory())

        page = get(client, detail(SessionFactory(**changes)))

        assert notice in page
        assert "Book a seat" not in page

    def test_offers_others_to_sign_in_and_come_back(self, client: Client) -> None:
        address = detail(SessionFactory())

        assert f"{reverse('accounts:login')}?next={address}" in get(client, address)

    def test_of_a_session_that_does_not_exist_is_a_404(self, client: Client) -> None:
        answer = client.get(reverse("bookings:session_detail", args=[uuid4()]))

        assert answer.status_code == 404
        assert "There is no such session." in answer.content.decode()


class TestBookSeat:
    def test_books_and_shows_my_bookings(self, client: Client) -> None:
        client.force_login(UserFactory())
        session = SessionFactory()

        page = client.post(reverse("bookings:book_seat", args=[session.public_id]), follow=True)

        assert f"You have a seat: {session.workshop.title}." in page.content.decode()

    def test_asks_others_to_sign_in_and_come_back(self, client: Client) -> None:
        session = SessionFactory()

        answer = client.post(reverse("bookings:book_seat", args=[session.public_id]))

        assert answer["Location"] == f"{reverse('accounts:login')}?next={detail(session)}"

    def test_of_a_full_session_is_refused(self, client: Client) -> None:
        client.force_login(UserFactory())
        session = SessionFactory(seats_left=0)

        answer = client.post(reverse("bookings:book_seat", args=[session.public_id]))

        assert answer.status_code == 409
        assert "Every seat of this session is taken." in answer.content.decode()


class TestMyBookings:
    @pytest.mark.parametrize(
        ("status", "may_cancel"),
        [("held", True), ("confirmed", True), ("cancelled", False), ("expired", False)],
    )
    def test_shows_my_bookings_and_offers_to_cancel_them(
        self, client: Client, status: str, may_cancel: bool
    ) -> None:
        booking = BookingFactory(status=status, hold_expires_at=timezone.now())
        client.force_login(booking.attendee)

        page = get(client, MY_BOOKINGS)

        assert booking.session.workshop.title in page
        assert ("Cancel<" in page) == may_cancel

    def test_offers_no_way_to_cancel_what_has_started(self, client: Client) -> None:
        booking = BookingFactory(session__starts_at=timezone.now())
        client.force_login(booking.attendee)

        assert "Cancel<" not in get(client, MY_BOOKINGS)

    def test_is_not_for_strangers(self, client: Client) -> None:
        assert client.get(MY_BOOKINGS).status_code == 302


class TestButtons:
    @pytest.mark.parametrize("view", ["book_seat", "cancel_booking"])
    def test_do_nothing_when_a_link_leads_to_them(self, client: Client, view: str) -> None:
        client.force_login(UserFactory())

        assert client.get(reverse(f"bookings:{view}", args=[uuid4()])).status_code == 405


class TestCancelBooking:
    def test_gives_the_seat_back(self, client: Client) -> None:
        booking = BookingFactory(session=SessionFactory(seats_left=7))
        client.force_login(booking.attendee)

        client.post(reverse("bookings:cancel_booking", args=[booking.public_id]))

        booking.refresh_from_db()
        assert booking.status == Booking.Status.CANCELLED
