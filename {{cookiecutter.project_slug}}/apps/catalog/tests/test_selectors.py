from datetime import UTC, date, datetime, timedelta

import pytest

from apps.catalog import exceptions, selectors
from apps.catalog.tests.factories import SessionFactory
from conventions.testing import ConstantQueries

NOW = datetime(2030, 1, 1, tzinfo=UTC)


class TestUpcomingSessions:
    @pytest.mark.django_db
    def test_lists_the_soonest_first_and_leaves_out_what_has_started(self) -> None:
        over, second, first = (SessionFactory(starts_at=NOW + timedelta(h)) for h in (0, 2, 1))

        listed = selectors.upcoming_sessions(at=over.starts_at)

        assert [session.id for session in listed] == [first.pk, second.pk]

    def test_takes_one_query(self, assert_constant_queries: ConstantQueries) -> None:
        assert_constant_queries(
            selectors.upcoming_sessions, grow=SessionFactory.create_batch, at=NOW
        )


class TestSession:
    @pytest.mark.django_db
    def test_refuses_an_id_that_does_not_exist(self) -> None:
        session = SessionFactory.build()

        with pytest.raises(exceptions.SessionNotFound):
            selectors.session(public_id=session.public_id)

    def test_takes_one_query(self, assert_constant_queries: ConstantQueries) -> None:
        session = SessionFactory()

        assert_constant_queries(
            selectors.session,
            grow=SessionFactory.create_batch,
            consume=lambda session: session.title,
            public_id=session.public_id,
        )


class TestSeatsOffered:
    @pytest.mark.django_db
    def test_adds_up_the_sessions_of_a_day(self) -> None:
        SessionFactory(capacity=3, seats_left=1, starts_at=NOW)
        SessionFactory(capacity=4, starts_at=NOW + timedelta(hours=3))

        (day,) = selectors.seats_offered(first=NOW.date(), last=NOW.date())

        assert (day.day, day.seats, day.left) == (date(2030, 1, 1), 7, 5)

    def test_takes_one_query(self, assert_constant_queries: ConstantQueries) -> None:
        assert_constant_queries(
            selectors.seats_offered,
            grow=SessionFactory.create_batch,
            first=date(2030, 1, 1),
            last=date(2030, 2, 1),
        )
