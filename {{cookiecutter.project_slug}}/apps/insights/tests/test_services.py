from datetime import UTC, date, datetime, timedelta

import pytest

from apps.bookings.tests.factories import BookingFactory
from apps.catalog.tests.factories import SessionFactory
from apps.insights import services
from apps.insights.models import DailyOccupancy

pytestmark = pytest.mark.django_db
NOW = datetime(2130, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)


class TestRefreshDailyOccupancy:
    def test_counts_the_seats_of_each_day(self) -> None:
        BookingFactory.create_batch(2, session=SessionFactory(capacity=8))

        assert services.refresh_daily_occupancy(at=NOW) == 1

        day = DailyOccupancy.objects.get()
        assert (day.day, day.seats_offered, day.seats_taken) == (date(2130, 1, 10), 8, 2)
        assert day.percent == 25

    def test_replaces_the_figures_of_before(self) -> None:
        session = SessionFactory(capacity=8)
        services.refresh_daily_occupancy(at=NOW)
        BookingFactory(session=session)

        services.refresh_daily_occupancy(at=LATER)

        day = DailyOccupancy.objects.get()
        assert (day.seats_taken, day.refreshed_at) == (1, LATER)

    def test_removes_a_day_that_has_no_session_any_more(self) -> None:
        session = SessionFactory()
        services.refresh_daily_occupancy(at=NOW)
        session.delete()

        assert services.refresh_daily_occupancy(at=LATER) == 0
        assert not DailyOccupancy.objects.exists()

    def test_leaves_out_days_that_are_long_past(self) -> None:
        SessionFactory(starts_at=NOW - timedelta(days=30))

        assert services.refresh_daily_occupancy(at=NOW) == 0
