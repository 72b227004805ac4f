"""`page()` over models that every Django project has: permissions and their content types."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core import signing
from django.core.exceptions import FieldFetchBlocked
from django.db import connection
from django.db.models import QuerySet

from tests.library.database_work import database_work
from trellis.reads import paging
from trellis.web.status import status_of

pytestmark = pytest.mark.django_db


def walk(rows: QuerySet[Permission], *, order: Sequence[str], size: int) -> list[int]:
    """Follow the cursors from the first page to the last."""
    seen: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        page = paging.page(rows, order=order, size=size, cursor=cursor, into=lambda row: row.pk)
        seen += page.items
        cursor = page.next_cursor
    return seen


def first_cursor(order: Sequence[str] = ("codename", "id")) -> str:
    page = paging.page(
        Permission.objects.all(), order=order, size=1, cursor="", into=lambda row: row
    )
    assert page.next_cursor
    return page.next_cursor


class TestPage:
    @pytest.mark.parametrize(
        "order",
        [
            ("id",),
            ("-id",),
            ("content_type", "id"),  # ties: four permissions for each
            ("-content_type", "-id"),
            ("-content_type", "-codename", "-id"),
        ],
    )
    @pytest.mark.parametrize("size", [1, 3, 1000])
    def test_shows_every_row_once_and_in_order(self, order: tuple[str, ...], size: int) -> None:
        rows = Permission.objects.all()[:30].values("pk")

        seen = walk(Permission.objects.filter(pk__in=rows), order=order, size=size)

        expected = Permission.objects.filter(pk__in=rows).order_by(*order)
        assert seen == [row.pk for row in expected]

    def test_continues_at_its_place_when_rows_were_added_and_deleted(self) -> None:
        kind = ContentType.objects.create(app_label="x", model="x")
        for name in "bdf":
            Permission.objects.create(codename=name, name=name, content_type=kind)
        rows = Permission.objects.filter(content_type=kind)

        def names(cursor: str) -> paging.Page[str]:
            return paging.page(
                rows, order=("codename", "id"), size=2, cursor=cursor, into=lambda row: row.codename
            )

        first = names("")
        rows.filter(codename="d").delete()
        for name in "ae":
            Permission.objects.create(codename=name, name=name, content_type=kind)

        assert first.items == ["b", "d"]
        assert names(first.next_cursor or "").items == ["e", "f"]

    def test_pages_through_values_as_through_rows(self) -> None:
        values = Permission.objects.values("id", "content_type_id")
        order = ("content_type", "id")

        def ids(cursor: str) -> paging.Page[int]:
            return paging.page(
                values, order=order, size=2, cursor=cursor, into=lambda row: int(row["id"])
            )

        first = ids("")
        second = ids(first.next_cursor or "")

        expected = Permission.objects.order_by(*order).values_list("pk", flat=True)[:4]
        assert first.items + second.items == list(expected)

    def test_returns_rows_that_load_nothing_later(self) -> None:
        with pytest.raises(FieldFetchBlocked, match="content_type"):
            paging.page(
                Permission.objects.all(),
                order=("id",),
                size=1,
                cursor="",
                into=lambda row: row.content_type.model,
            )

    def test_refuses_a_nullable_column(self) -> None:
        people = get_user_model().objects.all()

        with pytest.raises(TypeError, match=r"User\.last_login: it is nullable"):
            paging.page(people, order=("last_login", "id"), size=1, cursor="", into=str)

    @pytest.mark.parametrize(
        "order", [("content_type", "-id"), ("-content_type", "codename", "-id")]
    )
    def test_refuses_two_directions(self, order: tuple[str, ...]) -> None:
        with pytest.raises(TypeError, match=rf"{re.escape(str(order))} has two: put a minus"):
            walk(Permission.objects.all(), order=order, size=1000)

    def test_refuses_an_order_without_a_unique_column_at_the_end(self) -> None:
        with pytest.raises(TypeError, match="needs a unique column at the end"):
            walk(Permission.objects.all(), order=("id", "codename"), size=1)


class TestCursor:
    def test_needs_no_escaping_in_a_url(self) -> None:
        assert set(first_cursor()) <= set(signing.BASE62_ALPHABET + "-_.=")

    @pytest.mark.parametrize("fake", ["x", ".", "%00", "\x00", "ä.ü", "W10.x", "a.b.c", "." * 5000])
    def test_is_refused_when_it_is_made_up(self, fake: str) -> None:
        with pytest.raises(paging.CursorInvalid):
            paging.page(
                Permission.objects.all(), order=("id",), size=1, cursor=fake, into=lambda row: row
            )

    def test_is_refused_when_it_was_changed(self) -> None:
        body, _, signature = first_cursor().rpartition(".")

        with pytest.raises(paging.CursorInvalid):
            paging.page(
                Permission.objects.all(),
                order=("codename", "id"),
                size=1,
                cursor=f"{body[:-1]}A.{signature}",
                into=lambda row: row,
            )

    def test_is_refused_for_another_order_or_model(self) -> None:
        cursor = first_cursor(("codename", "id"))

        with pytest.raises(paging.CursorInvalid):
            paging.page(
                Permission.objects.all(), order=("id",), size=1, cursor=cursor, into=lambda row: row
            )
        with pytest.raises(paging.CursorInvalid):
            paging.page(
                Group.objects.all(), order=("name", "id"), size=1, cursor=cursor, into=lambda r: r
            )

    def test_is_a_bad_request_when_refused(self) -> None:
        assert status_of(paging.CursorInvalid()) == 400


class TestCost:
    def test_is_the_same_for_the_last_page_as_for_the_second(self) -> None:
        start = datetime(2030, 1, 1, tzinfo=UTC)
        people = get_user_model().objects
        people.bulk_create(
            get_user_model()(email=f"{n}@example.com", date_joined=start + timedelta(hours=n))
            for n in range(2000)
        )
        with connection.cursor() as cursor:
            cursor.execute("CREATE INDEX joined ON accounts_user (date_joined, id)")

        def read(first: datetime, cursor: str) -> paging.Page[int]:
            return paging.page(
                people.filter(date_joined__gt=first),  # competes with the cursor for the index
                order=("date_joined", "id"),
                size=10,
                cursor=cursor,
                into=lambda row: row.pk,
            )

        to_second = read(start, "").next_cursor or ""
        to_last = read(start + timedelta(hours=1980), "").next_cursor or ""

        second = database_work(lambda: read(start, to_second))
        last = database_work(lambda: read(start, to_last))

        assert len(read(start, to_last).items) == 9
        assert last <= 1.2 * second + 2  # rows may lie in two blocks of PostgreSQL
