from datetime import UTC, datetime
from itertools import product

import pytest
from django.db import IntegrityError, transaction

from apps.bookings.models import ACTIVE, Booking
from apps.bookings.tests.factories import BookingFactory

pytestmark = pytest.mark.django_db
SOON = datetime(2130, 1, 3, tzinfo=UTC)


class TestBooking:
    """What the database refuses, whatever a service does."""

    @pytest.mark.parametrize(("first", "second"), [*product(ACTIVE, repeat=2)])
    def test_is_one_for_each_person_and_session(self, first: str, second: str) -> None:
        one = BookingFactory(status=first, hold_expires_at=SOON)
        same = {"session": one.session, "attendee": one.attendee, "hold_expires_at": SOON}

        with pytest.raises(IntegrityError), transaction.atomic():
            BookingFactory(status=second, **same)

    def test_is_not_held_without_an_end(self) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            BookingFactory(status=Booking.Status.HELD, hold_expires_at=None)
