import threading
import time
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
from django.db import connections
from trellis.testing import at_once

from apps.accounts.tests.factories import UserFactory
from apps.bookings import selectors, types
from apps.bookings import services as bookings
from apps.bookings.tests.factories import BookingFactory
from apps.catalog import services as catalog
from apps.catalog.models import Session
from apps.catalog.tests.factories import SessionFactory
from apps.insights import services
from apps.insights.models import DailyOccupancy

pytestmark = pytest.mark.django_db
NOW = datetime(2130, 1, 1, tzinfo=UTC)


class TestRebuildDailyOccupancy:
    def test_counts_seats_offered_and_taken_by_day(self) -> None:
        session = SessionFactory(capacity=8)
        BookingFactory.create_batch(2, session=session)

        assert services.rebuild_daily_occupancy(at=NOW) == 1

        day = DailyOccupancy.objects.get()
        assert (day.day, day.seats_offered, day.seats_taken, day.percent) == (
            date(2130, 1, 10),
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


class TestRefreshChangedDays:
    def test_counts_a_day_on_which_a_seat_was_taken_and_leaves_the_others(self) -> None:
        first, second = two_days()

        bookings.book_seat(session_public_id=first.public_id, by=UserFactory().pk, at=NOW)

        assert services.refresh_changed_days(at=LATER) == 1
        assert figures() == {
            first.starts_at.date(): (8, 1, LATER),
            second.starts_at.date(): (8, 0, NOW),
        }

    def test_counts_a_seat_that_was_given_back(self) -> None:
        first, _ = two_days()
        person = UserFactory()
        booking = bookings.book_seat(session_public_id=first.public_id, by=person.pk, at=NOW)
        services.refresh_changed_days(at=NOW)

        bookings.cancel_booking(public_id=booking.public_id, by=person.pk, at=NOW)

        assert services.refresh_changed_days(at=LATER) == 1
        assert figures()[first.starts_at.date()] == (8, 0, LATER)

    def test_follows_a_session_to_another_day(self) -> None:
        first, second = two_days()
        moved = second.starts_at + timedelta(hours=1)

        catalog.reschedule_session(public_id=first.public_id, starts_at=moved, at=NOW)

        assert services.refresh_changed_days(at=LATER) == 2
        assert figures() == {moved.date(): (16, 0, LATER)}

    def test_counts_nothing_when_nothing_changed(self) -> None:
        two_days()

        assert services.refresh_changed_days(at=LATER) == 0


@pytest.mark.django_db(transaction=True)
class TestCountingTwiceAtOnce:
    def test_keeps_the_later_count(self, monkeypatch: pytest.MonkeyPatch) -> None:
        first, _ = two_days()
        person = UserFactory()
        counted, seats_taken = threading.Event(), selectors.seats_taken

        def count_and_dawdle(**days: date) -> list[types.SeatsTaken]:
            taken = seats_taken(**days)
            monkeypatch.setattr(selectors, "seats_taken", seats_taken)
            counted.set()
            time.sleep(0.5)  # what was counted is no longer so when it is written
            return taken

        def rebuild() -> None:
            services.rebuild_daily_occupancy(at=NOW)
            connections.close_all()

        monkeypatch.setattr(selectors, "seats_taken", count_and_dawdle)
        slow = threading.Thread(target=rebuild)
        slow.start()
        counted.wait(5)
        bookings.book_seat(session_public_id=first.public_id, by=person.pk, at=NOW)
        services.refresh_changed_days(at=LATER)
        slow.join()

        assert figures()[first.starts_at.date()] == (8, 1, LATER)


@pytest.mark.django_db(transaction=True)
class TestRebuiltTwiceAtOnce:
    def test_is_as_rebuilt_once(self) -> None:
        SessionFactory(capacity=8)

        broken = at_once(*[partial(services.rebuild_daily_occupancy, at=NOW)] * 4)

        assert broken == []
        assert DailyOccupancy.objects.get().seats_offered == 8


LATER = NOW + timedelta(minutes=1)


def two_days() -> tuple[Session, Session]:
    """Return sessions of two days, whose figures are there."""
    first, second = (SessionFactory(starts_at=NOW + timedelta(days=days)) for days in (1, 2))
    services.rebuild_daily_occupancy(at=NOW)
    return first, second


def figures() -> dict[date, tuple[int, int, datetime]]:
    """Return of each day the seats offered and taken, and when they were counted."""
    return {
        day.day: (day.seats_offered, day.seats_taken, day.refreshed_at)
        for day in DailyOccupancy.objects.all()
    }
