from datetime import UTC, datetime

import factory

from apps.accounts.tests.factories import UserFactory
from apps.bookings.models import Booking
from apps.catalog.tests.factories import SessionFactory


class BookingFactory(factory.django.DjangoModelFactory[Booking]):
    class Meta:
        model = Booking

    session = factory.SubFactory(SessionFactory, seats_left=7)
    attendee = factory.SubFactory(UserFactory)
    status = Booking.Status.CONFIRMED
    booked_at = datetime(2130, 1, 1, tzinfo=UTC)
