"""An N+1 query of each kind, written on purpose: something catches it and names the line."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser, Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import FieldFetchBlocked
from django.db.models import QuerySet
from django.test import Client, RequestFactory
from ninja import Router, Schema
from ninja.testing import TestClient
from pydantic import ValidationError
from pytest_django import Settings

from trellis import testing, web
from trellis.checks.guards import RuleBroken
from trellis.reads import promised, selector

pytestmark = pytest.mark.django_db


def add_groups(rows: int) -> None:
    """Add groups with a permission, and content types with one."""
    for _ in range(rows):
        number = Group.objects.count()
        kind = ContentType.objects.create(app_label="growth", model=f"model{number}")
        permission = Permission.objects.create(codename="see", name="See", content_type=kind)
        Group.objects.create(name=f"Group {number}").permissions.add(permission)


@selector(queries=1)
def permissions_seen() -> QuerySet[Permission]:
    return promised(Permission.objects.filter(content_type__app_label="growth"))


@selector(queries=1)
def reverse_foreign_key() -> list[int]:
    kinds = promised(ContentType.objects.filter(app_label="growth"))
    return [len(kind.permission_set.all()) for kind in kinds]


@selector(queries=1)
def many_to_many() -> list[int]:
    return [len(group.permissions.all()) for group in promised(Group.objects.all())]


@selector(queries=1)
def count_loop() -> list[int]:
    return [group.permissions.count() for group in promised(Group.objects.all())]


@selector(queries=1)
def filter_first_loop() -> list[object]:
    names = Group.objects.values_list("name", flat=True)
    return [Group.objects.filter(name=name).first() for name in names]


def line_in(function: Callable[..., Any], text: str) -> str:
    """Return `path:line` of the line of `function` that holds `text`."""
    lines, first = inspect.getsourcelines(function)
    number = first + next(at for at, line in enumerate(lines) if text in line)
    return f"tests/library/testing/test_growth.py:{number}"


class TestForeignKey:
    def test_is_refused_where_it_is_followed(self) -> None:
        add_groups(1)

        with pytest.raises(FieldFetchBlocked, match=r"Permission\.content_type") as caught:
            [permission.content_type.model for permission in permissions_seen()]

        assert __file__ in {str(entry.path) for entry in caught.traceback}


class TestLoop:
    @pytest.mark.parametrize(
        ("read", "text"),
        [
            (reverse_foreign_key, "permission_set.all"),
            (many_to_many, "permissions.all"),
            (count_loop, "permissions.count"),
            (filter_first_loop, "filter(name=name)"),
        ],
    )
    def test_in_a_selector_is_caught_by_counting(self, read: Callable[[], Any], text: str) -> None:
        with pytest.raises(AssertionError, match=r"\{1: 2, 10: 11, 100: 101\}") as error:
            testing.assert_constant_queries(read, grow=add_groups)

        assert f"100 x {line_in(read, text)}: SELECT" in str(error.value)


class TestTemplate:
    @pytest.mark.parametrize("access", ["group.permissions.count", "group.permissions.all.0"])
    def test_that_asks_the_database_is_stopped_with_its_line(
        self, settings: Settings, tmp_path: Path, access: str
    ) -> None:
        template = tmp_path / "groups.html"
        template.write_text(
            f"<ul>\n{{% for group in groups %}}\n<li>{{{{ {access} }}}}</li>{{% endfor %}}"
        )
        settings.TEMPLATES = [settings.TEMPLATES[0] | {"DIRS": [tmp_path]}]
        add_groups(1)
        request = RequestFactory().get("/")
        request.user = AnonymousUser()

        with pytest.raises(RuleBroken, match=r"rendering groups\.html: SELECT") as caught:
            web.render(request, "groups.html", {"groups": list(Group.objects.all())})

        assert f"{template}:3: " in str(caught.value)


class GroupOut(Schema):
    permissions: int

    @staticmethod
    def resolve_permissions(group: Group) -> int:
        return group.permissions.count()


class TestSerializer:
    def test_that_asks_the_database_is_stopped_with_its_line(self) -> None:
        router = Router()

        @router.get("", response=list[GroupOut], auth=None)
        def list_groups(request: object) -> list[Group]:
            return list(Group.objects.all())

        api = web.make_api(public_docs=True)
        api.add_router("groups", router)
        add_groups(1)

        # pydantic wraps what an attribute raises, and keeps its words.
        with pytest.raises(ValidationError, match="list_groups: SELECT") as caught:
            TestClient(api).get("groups")

        assert line_in(GroupOut.resolve_permissions, "count()") in str(caught.value)


class TestAdminList:
    def test_that_asks_for_each_row_is_caught_by_counting(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def permissions(group: Group) -> int:
            return group.permissions.count()

        monkeypatch.setattr(admin.site.get_model_admin(Group), "list_display", [permissions])
        client.force_login(get_user_model().objects.create_superuser("root@example.com"))

        with pytest.raises(AssertionError, match="queries grows") as caught:
            testing.assert_constant_page(client, "/admin/auth/group/", grow=add_groups)

        assert f"100 x {line_in(permissions, 'count()')}" in str(caught.value)
