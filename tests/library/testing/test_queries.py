from pathlib import Path

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client

from apps.accounts.models import User
from apps.shop.models import Item
from tests.library.database_work import database_work
from trellis import testing
from trellis.reads import selector
from trellis.testing import plans
from trellis.testing.recorder import Query

pytestmark = pytest.mark.django_db


@selector(queries=1)
def group_names() -> list[str]:
    return list(Group.objects.order_by("name").values_list("name", flat=True))


@selector(queries=1)
def groups_containing(*, text: str) -> list[str]:
    return list(Group.objects.filter(name__contains=text).values_list("name", flat=True))


def group_names_once() -> list[str]:
    return group_names()


@selector(queries=1)
def group_names_twice() -> list[str]:
    return [*group_names(), *group_names()]


def add_groups(number: int) -> None:
    first = Group.objects.count()
    Group.objects.bulk_create(Group(name=f"group {first + n}") for n in range(number))


class TestAssertConstantQueries:
    def test_accepts_one_query_by_an_index(self) -> None:
        testing.assert_constant_queries(group_names, grow=add_groups)

    def test_refuses_a_read_beyond_its_budget(self) -> None:
        with pytest.raises(AssertionError, match="2 queries, and it declares 1") as error:
            testing.assert_constant_queries(group_names_twice, grow=add_groups)

        assert f"  2 x tests/library/testing/test_queries.py:{line_of('order_by')}" in str(
            error.value
        )

    def test_refuses_a_budget_that_is_too_large(self) -> None:
        with pytest.raises(AssertionError, match="1 queries, and it declares 2"):
            testing.assert_constant_queries(selector(queries=2)(group_names_once), grow=add_groups)

    def test_refuses_a_read_without_an_index(self) -> None:
        with pytest.raises(AssertionError, match="without an index") as error:
            testing.assert_constant_queries(groups_containing, grow=add_groups, text="1")

        assert f"testing/test_queries.py:{line_of('name__contains')}" in str(error.value)

    def test_accepts_a_scan_of_a_listed_table(self) -> None:
        testing.assert_constant_queries(
            groups_containing, grow=add_groups, text="1", may_scan=["auth_group"]
        )

    def test_refuses_a_condition_that_no_index_serves(self) -> None:
        @selector(queries=1)
        def permissions_named(*, name: str) -> list[str]:
            permissions = Permission.objects.order_by().filter(name=name)
            return list(permissions.values_list("codename", flat=True))

        with pytest.raises(AssertionError, match="reads all of auth_permission"):
            testing.assert_constant_queries(permissions_named, grow=add_groups, name="x")

    def test_refuses_a_count_of_what_an_index_is_scanned_for(self) -> None:
        @selector(queries=1)
        def items_containing(*, text: str) -> int:
            return Item.objects.filter(name__contains=text).count()

        def add_items(number: int) -> None:
            first, seller = Item.objects.count(), User.objects.get_or_create(email="a@b.c")[0]
            Item.objects.bulk_create(
                Item(name=f"item {first + n}", seller=seller) for n in range(number)
            )

        with pytest.raises(AssertionError, match="reads all of shop_item"):
            testing.assert_constant_queries(items_containing, grow=add_items, text="1")

    def test_accepts_an_index_in_the_order_of_a_list(self) -> None:
        @selector(queries=1)
        def first_names(*, text: str) -> list[str]:
            found = Group.objects.filter(name__contains=text).order_by("name")
            return list(found.values_list("name", flat=True)[:3])

        testing.assert_constant_queries(first_names, grow=add_groups, text="1")

    def test_asks_for_the_selector_itself(self) -> None:
        with pytest.raises(TypeError, match=r"<lambda> is no selector\. Pass the selector itself"):
            testing.assert_constant_queries(lambda: group_names(), grow=add_groups)

    @pytest.mark.parametrize("first_batch", [0, 1])
    def test_refuses_data_that_does_not_grow(self, first_batch: int) -> None:
        batches = iter([first_batch])

        with pytest.raises(AssertionError, match=r"grow\(\d\) inserted nothing"):
            testing.assert_constant_queries(
                group_names, grow=lambda number: add_groups(next(batches, 0))
            )


class TestScans:
    @pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite builds such an index")
    def test_are_what_an_index_is_built_for(self) -> None:
        join = "shop_item JOIN accounts_user ON shop_item.name = accounts_user.name"
        query = Query(location="a.py:1", sql=f"SELECT 1 FROM {join}", parameters=())  # noqa: S608

        (found,) = plans.scans(query, may_scan=["shop_item"])

        assert found.startswith("a.py:1: reads all of accounts_user: SELECT 1")


class TestAssertConstantPage:
    def test_returns_the_status_of_each_page(self, client: Client) -> None:
        statuses = testing.assert_constant_page(client, "/", "/nothing/", grow=add_groups)

        assert statuses == [200, 404]

    def test_refuses_data_that_does_not_grow(self, client: Client) -> None:
        with pytest.raises(AssertionError, match=r"grow\(1\) inserted nothing"):
            testing.assert_constant_page(client, "/", grow=lambda number: None)


class TestDatabaseWork:
    def test_is_the_same_at_each_call_and_more_for_more_rows(self) -> None:
        add_groups(10)
        of_few, again = database_work(group_names), database_work(group_names)
        add_groups(2000)

        assert of_few == again
        assert database_work(group_names) > of_few


def line_of(text: str) -> int:
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)
