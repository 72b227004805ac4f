from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
from trellis.testing import ConstantQueries, work_of

from apps.catalog import exceptions, selectors
from apps.catalog.models import Session
from apps.catalog.tests.factories import SessionFactory, WorkshopFactory

NOW = datetime(2130, 1, 1, tzinfo=UTC)


class TestUpcomingSessions:
    @pytest.mark.django_db
    def test_lists_the_soonest_first_and_leaves_out_what_has_started(self) -> None:
        over, second, first = (SessionFactory(starts_at=NOW + timedelta(h)) for h in (0, 2, 1))

        listed = selectors.upcoming_sessions(at=over.starts_at)

        assert [session.id for session in listed.items] == [first.pk, second.pk]

    @pytest.mark.django_db
    def test_goes_on_where_the_page_before_ended(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(selectors, "SHOWN", 2)
        at_once = [SessionFactory(starts_at=NOW + timedelta(hours=1)).pk for _ in range(3)]

        first = selectors.upcoming_sessions(at=NOW)
        second = selectors.upcoming_sessions(at=NOW, cursor=first.next_cursor or "")

        assert [session.id for session in first.items + second.items] == at_once
        assert second.next_cursor is None

    def test_takes_one_query(self, assert_constant_queries: ConstantQueries) -> None:
        assert_constant_queries(
            selectors.upcoming_sessions,
            grow=SessionFactory.create_batch,
            consume=lambda page: [session.title for session in page.items],
            at=NOW,
        )

    def test_takes_one_query_on_a_later_page_too(
        self, assert_constant_queries: ConstantQueries, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(selectors, "SHOWN", 1)
        SessionFactory.create_batch(2)

        assert_constant_queries(
            selectors.upcoming_sessions,
            grow=SessionFactory.create_batch,
            consume=lambda page: [session.title for session in page.items],
            at=NOW,
            cursor=selectors.upcoming_sessions(at=NOW).next_cursor,
        )

    @pytest.mark.django_db
    def test_costs_the_same_on_the_last_of_many_pages_as_on_the_first_of_few(self) -> None:
        workshop = WorkshopFactory()
        sessions = [
            SessionFactory.build(workshop=workshop, starts_at=NOW + timedelta(minutes=n // 3))
            for n in range(1, 5001)
        ]
        Session.objects.bulk_create(sessions[: 2 * selectors.SHOWN])
        of_few = work_of(lambda: selectors.upcoming_sessions(at=NOW))

        Session.objects.bulk_create(sessions[2 * selectors.SHOWN :])
        first = work_of(lambda: selectors.upcoming_sessions(at=NOW))
        cursors = [""]
        while following := selectors.upcoming_sessions(at=NOW, cursor=cursors[-1]).next_cursor:
            cursors.append(following)
        # The last page but one, which is as long as the first.
        deepest = work_of(lambda: selectors.upcoming_sessions(at=NOW, cursor=cursors[-2]))

        assert len(cursors) == 5000 / selectors.SHOWN
        assert max(first, deepest) <= 1.5 * of_few


class TestSessionsTitled:
    @pytest.mark.django_db
    @pytest.mark.parametrize(
        ("typed", "found"),
        [
            ("sour", ["Sourdough"]),
            ("SOURDOUGH", ["Sourdough"]),
            ("äpf", ["Äpfel"]),
            ("dough", []),
            ("50%", ["50% off"]),
            ("5_", []),
            ("a\\", ["A\\B"]),
            ("so\0ur", ["Sourdough"]),
            ("", ["Sourdough", "50% off", "A\\B", "Äpfel"]),
        ],
    )
    def test_finds_what_begins_so_in_any_letter_case(self, typed: str, found: list[str]) -> None:
        for title in ("Sourdough", "50% off", "A\\B", "Äpfel"):
            SessionFactory(workshop__title=title)

        listed = selectors.sessions_titled(title=typed, at=NOW)

        assert [session.title for session in listed.items] == found

    @pytest.mark.django_db
    def test_leaves_out_what_has_started(self) -> None:
        session = SessionFactory()

        listed = selectors.sessions_titled(title=session.workshop.title, at=session.starts_at)

        assert listed.items == []

    @pytest.mark.django_db
    def test_finds_it_behind_many_that_have_no_session_to_come(self) -> None:
        for n in range(selectors.FOUND):
            SessionFactory(workshop__title=f"Bread {n:02}", starts_at=NOW)
        wanted = SessionFactory(workshop__title="Bread, at last")

        listed = selectors.sessions_titled(title="bread", at=NOW)

        assert [session.id for session in listed.items] == [wanted.pk]

    def test_takes_two_queries(self, assert_constant_queries: ConstantQueries) -> None:
        assert_constant_queries(
            selectors.sessions_titled,
            grow=partial(SessionFactory.create_batch, workshop__title="Throw a bowl"),
            consume=lambda page: [session.title for session in page.items],
            title="throw",
            # By workshop and then sorted, or by time and then filtered: their numbers decide.
            may_scan=["catalog_session"],
            at=NOW,
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

        assert (day.day, day.seats, day.left) == (date(2130, 1, 1), 7, 5)

    def test_takes_one_query(self, assert_constant_queries: ConstantQueries) -> None:
        assert_constant_queries(
            selectors.seats_offered,
            grow=SessionFactory.create_batch,
            first=date(2130, 1, 1),
            last=date(2130, 2, 1),
        )
