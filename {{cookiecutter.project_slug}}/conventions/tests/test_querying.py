import pytest
from django.contrib.auth import get_user_model
from pytest_django import Settings

from conventions import querying
from conventions.testing import ConstantQueries

pytestmark = pytest.mark.django_db


class TestNoQueries:
    def test_names_the_place_and_the_query(self) -> None:
        with (
            pytest.raises(querying.QueryOutsideSelector, match=r"rendering a\.html: SELECT"),
            querying.no_queries("rendering a.html"),
        ):
            get_user_model().objects.exists()

    def test_only_logs_in_production(self, settings: Settings) -> None:
        settings.PRODUCTION = True

        with querying.no_queries("rendering a.html"):
            assert not get_user_model().objects.exists()


@querying.selector(queries=2)
def all_users_one_by_one() -> list[str]:
    users = get_user_model().objects.all()
    return [get_user_model().objects.get(pk=user.pk).get_username() for user in users]


class TestAssertConstantQueries:
    def test_catches_a_read_that_grows(self, assert_constant_queries: ConstantQueries) -> None:
        made = iter(range(1000))

        def grow(rows: int) -> None:
            for _ in range(rows):
                get_user_model().objects.create_user(f"{next(made)}@example.com")

        with pytest.raises(AssertionError, match=r"queries grow \{1: 2, 10: 11"):
            assert_constant_queries(all_users_one_by_one, grow=grow, sizes=(1, 10))

    def test_catches_a_budget_that_is_more_than_it_takes(
        self, assert_constant_queries: ConstantQueries
    ) -> None:
        with pytest.raises(AssertionError, match="1 queries of 2"):
            assert_constant_queries(all_users_one_by_one, grow=lambda rows: None, sizes=(1,))

    def test_catches_a_read_beyond_its_budget(
        self, assert_constant_queries: ConstantQueries
    ) -> None:
        get_user_model().objects.create_user("a@example.com")
        get_user_model().objects.create_user("b@example.com")

        with pytest.raises(AssertionError, match="3 queries of 2"):
            assert_constant_queries(all_users_one_by_one, grow=lambda rows: None, sizes=(1,))
