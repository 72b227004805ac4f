import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connections

from apps.bookings.tests.factories import BookingFactory
from apps.catalog.tests.factories import SessionFactory
from apps.insights import services
from apps.insights.models import DailyOccupancy

pytestmark = pytest.mark.django_db
NOW = datetime(2030, 1, 1, tzinfo=UTC)


class TestRebuildDailyOccupancy:
    def test_counts_seats_offered_and_taken_by_day(self) -> None:
        session = SessionFactory(capacity=8)
        BookingFactory.create_batch(2, session=session)

        assert services.rebuild_daily_occupancy(at=NOW) == 1

        day = DailyOccupancy.objects.get()
        assert (day.day, day.seats_offered, day.seats_taken, day.percent) == (
            date(2030, 1, 10),
            8,
            2,
            25,
        )

    def test_corrects_what_has_changed_and_says_when(self) -> None:
        session = SessionFactory(capacity=8)
        services.rebuild_daily_occupancy(at=NOW)
        BookingFactory(session=session)
        later = NOW + timedelta(minutes=5)

        services.rebuild_daily_occupancy(at=later)

        day = DailyOccupancy.objects.get()
        assert (day.seats_taken, day.refreshed_at) == (1, later)

    def test_leaves_days_outside_its_window_alone(self) -> None:
        SessionFactory(starts_at=NOW - timedelta(days=30))

        assert services.rebuild_daily_occupancy(at=NOW) == 0


@pytest.mark.django_db(transaction=True)
class TestRebuiltTwiceAtOnce:
    def test_is_as_rebuilt_once(self) -> None:
        SessionFactory(capacity=8)
        together, broken = threading.Barrier(4), []

        def rebuild() -> None:
            together.wait()
            try:
                services.rebuild_daily_occupancy(at=NOW)
            except Exception as error:
                broken.append(error)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=rebuild) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert broken == []
        assert DailyOccupancy.objects.get().seats_offered == 8
