from datetime import date, datetime

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import FieldFetchBlocked
from pytest_django import Settings

from trellis import reads

pytestmark = pytest.mark.django_db


class TestNoQueries:
    def test_names_the_place_and_the_query(self) -> None:
        with (
            pytest.raises(reads.QueryOutsideSelector, match=r"rendering a\.html: SELECT"),
            reads.no_queries("rendering a.html"),
        ):
            get_user_model().objects.exists()

    def test_only_logs_in_production(self, settings: Settings) -> None:
        settings.PRODUCTION = True

        with reads.no_queries("rendering a.html"):
            assert not get_user_model().objects.exists()

    def test_notes_the_cure_on_what_a_selector_forgot(self) -> None:
        get_user_model().objects.create(email="ada@example.com")
        (person,) = reads.promised(get_user_model().objects.only("pk"))

        with (
            pytest.raises(FieldFetchBlocked) as blocked,
            reads.no_queries("rendering a.html"),
        ):
            person.email  # noqa: B018

        (note,) = blocked.value.__notes__
        assert note.startswith("It was read while rendering a.html. Let the selector load it")


class TestWithinDays:
    def test_takes_both_days_whole(self) -> None:
        for joined in ("01-31T23:59", "02-01T00:00", "02-02T23:59", "02-03T00:00"):
            at = datetime.fromisoformat(f"2030-{joined}+00:00")
            get_user_model().objects.create(email=f"{joined}@example.com", date_joined=at)
        days = reads.within_days("date_joined", first=date(2030, 2, 1), last=date(2030, 2, 2))

        found = get_user_model().objects.filter(days).order_by("date_joined")

        assert [person.date_joined.day for person in found] == [1, 2]
