from datetime import UTC, date, datetime, timedelta

import pytest
from trellis import testing

from apps.catalog import selectors
from apps.catalog.tests.factories import SessionFactory, TagFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2130, 1, 1, tzinfo=UTC)


class TestUpcomingSessions:
    def test_returns_the_soonest_first_and_none_that_has_started(self) -> None:
        started, second, first = (
            SessionFactory(starts_at=NOW + timedelta(hours=h)) for h in (0, 2, 1)
        )

        page = selectors.upcoming_sessions(at=started.starts_at)

        assert [session.id for session in page.items] == [first.pk, second.pk]

    def test_continues_where_the_page_before_ended(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(selectors, "PAGE_SIZE", 2)
        ids = [SessionFactory(starts_at=NOW + timedelta(hours=1)).pk for _ in range(3)]

        first = selectors.upcoming_sessions(at=NOW)
        second = selectors.upcoming_sessions(at=NOW, cursor=first.next_cursor or "")

        assert [session.id for session in first.items + second.items] == ids
        assert second.next_cursor is None

    @pytest.mark.parametrize(
        ("title", "found"),
        [("DOUGH", ["Sourdough"]), ("50%", ["50% off"]), ("so\0ur", ["Sourdough"]), ("x", [])],
    )
    def test_finds_sessions_whose_title_contains_the_text(
        self, title: str, found: list[str]
    ) -> None:
        for name in ("Sourdough", "50% off"):
            SessionFactory(workshop__title=name)

        page = selectors.upcoming_sessions(at=NOW, title=title)

        assert [session.title for session in page.items] == found

    @pytest.mark.parametrize("title", ["", "workshop"])
    def test_takes_one_query(self, title: str) -> None:
        testing.assert_constant_queries(
            selectors.upcoming_sessions,
            grow=SessionFactory.create_batch,
            consume=lambda page: [session.title for session in page.items],
            # No index helps to search inside titles. There are a few hundred workshops.
            may_scan=["catalog_workshop", "catalog_session"] if title else [],
            at=NOW,
            title=title,
        )


class TestSession:
    def test_has_the_tags_of_its_workshop(self) -> None:
        tagged, plain = SessionFactory(), SessionFactory()
        tagged.workshop.tags.set([TagFactory(name="food"), TagFactory(name="paper")])

        found = selectors.session(public_id=tagged.public_id)

        assert sorted(found.tags.split(", ")) == ["food", "paper"]
        assert selectors.session(public_id=plain.public_id).tags == ""

    def test_refuses_an_id_that_does_not_exist(self) -> None:
        with pytest.raises(selectors.SessionNotFound):
            selectors.session(public_id=SessionFactory.build().public_id)

    def test_takes_one_query(self) -> None:
        session = SessionFactory()

        testing.assert_constant_queries(
            selectors.session,
            grow=SessionFactory.create_batch,
            consume=lambda session: session.title,
            public_id=session.public_id,
        )


class TestSeatsOffered:
    def test_adds_up_the_sessions_of_a_day(self) -> None:
        SessionFactory(capacity=3, starts_at=NOW)
        SessionFactory(capacity=4, starts_at=NOW + timedelta(hours=3))

        (day,) = selectors.seats_offered(first=NOW.date(), last=NOW.date())

        assert (day.day, day.seats) == (date(2130, 1, 1), 7)

    def test_takes_one_query(self) -> None:
        testing.assert_constant_queries(
            selectors.seats_offered,
            grow=SessionFactory.create_batch,
            first=date(2130, 1, 1),
            last=date(2130, 2, 1),
        )
