from datetime import UTC, date, datetime

import pytest
from trellis import testing

from apps.accounts.tests.factories import UserFactory
from apps.bookings import selectors
from apps.bookings.models import Booking
from apps.bookings.tests.factories import BookingFactory
from apps.catalog.tests.factories import SessionFactory

pytestmark = pytest.mark.django_db


class TestBookingsOf:
    def test_takes_one_query(self) -> None:
        person = UserFactory()

        testing.assert_constant_queries(
            selectors.bookings_of,
            grow=lambda rows: BookingFactory.create_batch(rows, attendee=person),
            consume=lambda page: [booking.title for booking in page.items],
            attendee_id=person.pk,
        )

    def test_returns_the_bookings_of_one_person(self) -> None:
        mine, _ = BookingFactory(), BookingFactory()

        page = selectors.bookings_of(attendee_id=mine.attendee_id)

        assert [booking.public_id for booking in page.items] == [mine.public_id]


class TestBooking:
    def test_takes_one_query(self) -> None:
        booking = BookingFactory()

        testing.assert_constant_queries(
            selectors.booking,
            grow=BookingFactory.create_batch,
            consume=lambda booking: booking.title,
            booking_id=booking.pk,
        )


class TestSessionFor:
    def test_returns_the_active_booking_of_one_person(self) -> None:
        booking = BookingFactory()
        BookingFactory(session=booking.session)
        BookingFactory(
            session=booking.session,
            attendee=booking.attendee,
            status=Booking.Status.CANCELLED,
            booked_at=datetime(2131, 1, 1, tzinfo=UTC),
        )

        seen = selectors.session_for(
            public_id=booking.session.public_id,
            person_id=booking.attendee_id,
            at=booking.session.starts_at,
        )

        assert seen.booking
        assert (seen.booking.public_id, seen.has_started) == (booking.public_id, True)

    def test_takes_two_queries(self) -> None:
        booking = BookingFactory()

        testing.assert_constant_queries(
            selectors.session_for,
            grow=BookingFactory.create_batch,
            consume=lambda seen: seen.booking.title,
            public_id=booking.session.public_id,
            person_id=booking.attendee_id,
            at=booking.booked_at,
        )


class TestSeatsTaken:
    def test_counts_active_bookings_by_the_day_of_their_session(self) -> None:
        session = SessionFactory(starts_at=datetime(2130, 1, 10, 18, tzinfo=UTC))
        BookingFactory.create_batch(2, session=session)
        BookingFactory(session=session, status=Booking.Status.CANCELLED)

        (day,) = selectors.seats_taken(first=date(2130, 1, 10), last=date(2130, 1, 10))

        assert (day.day, day.seats) == (date(2130, 1, 10), 2)

    def test_takes_one_query(self) -> None:
        testing.assert_constant_queries(
            selectors.seats_taken,
            grow=BookingFactory.create_batch,
            # The database may begin with the bookings or with the sessions, whichever are fewer.
            may_scan=["catalog_session"],
            first=date(2130, 1, 1),
            last=date(2130, 2, 1),
        )
