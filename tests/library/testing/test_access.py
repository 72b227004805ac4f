from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_POST
from pytest_django import Settings

from apps.accounts.models import User
from trellis import testing

pytestmark = pytest.mark.django_db


def page(request: HttpRequest, public_id: Any = None) -> HttpResponse:
    return HttpResponse("page")


def staff_page(request: HttpRequest) -> HttpResponse:
    is_staff = getattr(request.user, "is_staff", False)
    return HttpResponse("page", status=200 if is_staff else 403)


urlpatterns = [
    path("", page),
    path("mine/", login_required(page)),
    path("mine/<uuid:public_id>/", login_required(require_POST(page))),
    path("figures/", staff_page),
    path("admin/", admin.site.urls),
]
TABLE = {
    "": "GET everybody",
    "mine/": "GET signed in",
    "mine/<uuid:public_id>/": "POST signed in",
    "figures/": "GET staff",
    "admin/*": "GET staff",
}


@pytest.fixture(autouse=True)
def these_urls(settings: Settings) -> None:
    settings.ROOT_URLCONF, settings.LOGIN_URL = __name__, "/login/"


@pytest.fixture
def user() -> User:
    return User.objects.create_user("ada@example.com")


class TestAssertAccess:
    def test_accepts_a_table_that_is_true(self, user: User) -> None:
        testing.assert_access(TABLE, user=user)

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
            ({"mine/<uuid:public_id>/": "GET signed in"}, "GET is not one of its methods"),
        ],
    )
    def test_names_a_row_that_is_not_true(
        self, user: User, change: dict[str, str | None], fault: str
    ) -> None:
        table = {route: row for route, row in (TABLE | change).items() if row}

        with pytest.raises(AssertionError) as error:
            testing.assert_access(table, user=user)

        (_, found) = str(error.value).split("\n  ")
        assert fault in found

    def test_refuses_a_row_that_it_cannot_read(self, user: User) -> None:
        with pytest.raises(ValueError, match="write methods and who"):
            testing.assert_access(TABLE | {"": "everybody"}, user=user)
