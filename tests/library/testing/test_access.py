from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_POST, require_safe
from pytest_django import Settings

from apps.accounts.models import User
from trellis import testing

pytestmark = pytest.mark.django_db


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("page")


@require_POST
@login_required
def act(request: HttpRequest, public_id: Any) -> HttpResponse:
    return HttpResponse("done")


@require_safe
@login_required
def person(request: HttpRequest, pk: int) -> HttpResponse:
    return HttpResponse("you", status=200 if request.user.pk == pk else 404)


@require_safe
@login_required
def leaky(request: HttpRequest, pk: int) -> HttpResponse:
    return HttpResponse("anybody")


def lax(request: HttpRequest) -> HttpResponse:
    return HttpResponse("any method")


@require_safe
def staff_page(request: HttpRequest) -> HttpResponse:
    is_staff = getattr(request.user, "is_staff", False)
    return HttpResponse("page", status=200 if is_staff else 403)


urlpatterns = [
    path("", page),
    path("mine/", require_safe(login_required(page))),
    path("act/<uuid:public_id>/", act),
    path("people/<int:pk>/", person),
    path("leaky/<int:pk>/", leaky),
    path("lax/", lax),
    path("figures/", staff_page),
    path("admin/", admin.site.urls),
]
TABLE = {
    "": "GET everybody",
    "mine/": "GET signed in",
    "act/<uuid:public_id>/": "POST anyone signed in",
    "people/<int:pk>/": "GET owner",
    "leaky/<int:pk>/": "GET anyone signed in",
    "lax/": "GET POST PUT PATCH DELETE everybody",
    "figures/": "GET staff",
    "admin/*": "GET staff",
}


def somebody() -> SimpleNamespace:
    """An object that is somebody's: a person, who owns itself."""
    owner = User.objects.create_user(f"{User.objects.count()}@example.com")
    return SimpleNamespace(pk=owner.pk, owner=owner)


OWNED = dict.fromkeys(("people/<int:pk>/", "leaky/<int:pk>/"), (somebody, "owner"))


@pytest.fixture(autouse=True)
def these_urls(settings: Settings) -> None:
    settings.ROOT_URLCONF, settings.LOGIN_URL = __name__, "/login/"


@pytest.fixture
def user() -> User:
    return User.objects.create_user("ada@example.com")


class TestAssertAccess:
    def test_accepts_a_table_that_is_true(self, user: User) -> None:
        testing.assert_access(TABLE, user=user, owned=OWNED)

    @pytest.mark.parametrize(
        ("change", "fault"),
        [
            ({"figures/": None}, "figures/: no row says who may reach it"),
            ({"admin/*": "GET signed in"}, "refuses a user (302)"),
            ({"gone/": "GET staff"}, "gone/: there is no such URL"),
            ({"mine/": "GET everybody"}, "refuses somebody who is not signed in (302)"),
            ({"": "GET signed in"}, "somebody who is not signed in gets 200"),
            ({"mine/": "GET staff"}, "a user gets 200"),
            ({"figures/": "GET signed in"}, "refuses a user (403)"),
            (
                {"lax/": "GET PUT DELETE everybody"},
                "answers POST (200), PATCH (200), not in its row",
            ),
            ({"people/<int:pk>/": "GET signed in"}, "whose is it? Write 'owner' or"),
            ({"mine/": "GET POST signed in"}, "POST is not one of its methods"),
            ({"act/<uuid:public_id>/": "POST owner"}, "`owned` has no object"),
            ({"leaky/<int:pk>/": "GET owner"}, "GET is for owner, and a user gets 200"),
        ],
    )
    def test_names_a_row_that_is_not_true(
        self, user: User, change: dict[str, str | None], fault: str
    ) -> None:
        table = {route: row for route, row in (TABLE | change).items() if row}

        with pytest.raises(AssertionError) as error:
            testing.assert_access(table, user=user, owned=OWNED)

        (_, found) = str(error.value).split("\n  ")
        assert fault in found

    def test_refuses_a_row_that_it_cannot_read(self, user: User) -> None:
        with pytest.raises(ValueError, match="write methods and who"):
            testing.assert_access(TABLE | {"": "everybody"}, user=user)
