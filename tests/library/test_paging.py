"""`page()` over two models that every project has: permissions, and what they are for."""

import re
from collections.abc import Sequence

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core import signing
from django.db.models import QuerySet

from trellis import web
from trellis.reads import paging

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

    def test_goes_on_where_it_was_when_rows_came_and_went(self) -> None:
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

    def test_goes_on_from_values_as_from_rows(self) -> None:
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

    def test_promises_its_rows(self) -> None:
        with pytest.raises(Exception, match="content_type"):
            paging.page(
                Permission.objects.all(),
                order=("id",),
                size=1,
                cursor="",
                into=lambda row: row.content_type.model,
            )

    def test_refuses_an_order_that_may_be_null(self) -> None:
        people = get_user_model().objects.all()

        with pytest.raises(TypeError, match=r"User\.last_login: it may be null"):
            paging.page(people, order=("last_login", "id"), size=1, cursor="", into=str)

    @pytest.mark.parametrize(
        "order", [("content_type", "-id"), ("-content_type", "codename", "-id")]
    )
    def test_refuses_an_order_in_two_directions(self, order: tuple[str, ...]) -> None:
        with pytest.raises(TypeError, match=rf"{re.escape(str(order))} has two: put a minus"):
            walk(Permission.objects.all(), order=order, size=1000)

    def test_refuses_an_order_that_is_not_unique_at_last(self) -> None:
        with pytest.raises(TypeError, match="something unique"):
            walk(Permission.objects.all(), order=("id", "codename"), size=1)


class TestCursor:
    def test_fits_into_an_address_as_it_is(self) -> None:
        assert set(first_cursor()) <= set(signing.BASE62_ALPHABET + "-_.=")

    @pytest.mark.parametrize("fake", ["x", ".", "%00", "\x00", "ä.ü", "W10.x", "a.b.c", "." * 5000])
    def test_that_is_not_one_is_refused(self, fake: str) -> None:
        with pytest.raises(paging.CursorInvalid):
            paging.page(
                Permission.objects.all(), order=("id",), size=1, cursor=fake, into=lambda row: row
            )

    def test_that_was_changed_is_refused(self) -> None:
        body, _, signature = first_cursor().rpartition(".")

        with pytest.raises(paging.CursorInvalid):
            paging.page(
                Permission.objects.all(),
                order=("codename", "id"),
                size=1,
                cursor=f"{body[:-1]}A.{signature}",
                into=lambda row: row,
            )

    def test_of_another_order_or_another_model_is_refused(self) -> None:
        cursor = first_cursor(("codename", "id"))

        with pytest.raises(paging.CursorInvalid):
            paging.page(
                Permission.objects.all(), order=("id",), size=1, cursor=cursor, into=lambda row: row
            )
        with pytest.raises(paging.CursorInvalid):
            paging.page(
                Group.objects.all(), order=("name", "id"), size=1, cursor=cursor, into=lambda r: r
            )

    def test_that_is_refused_is_a_bad_request(self) -> None:
        assert web.status_of(paging.CursorInvalid()) == 400
