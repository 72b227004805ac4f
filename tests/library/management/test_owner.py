from collections.abc import Iterator
from io import StringIO

import pytest
from celery import current_app, shared_task
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.views import LoginView
from django.core.management import CommandError, call_command
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from trellis import web

site = admin.AdminSite(name="admin")
site.register(
    get_user_model(), type("UserAdmin", (admin.ModelAdmin,), {"__module__": "apps.accounts.admin"})
)
api = web.make_api()


@api.get("/users")
def list_users(request: HttpRequest) -> list[int]:
    return []


def home(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def profile(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


for view in (list_users, profile):
    view.__module__ = "apps.accounts.views"
pages = [path("login/", LoginView.as_view()), path("profile/", profile)]
urlpatterns = [
    path("", home),
    path("accounts/", include((pages, "accounts"))),
    path("admin/", site.urls),
    path("api/", api.urls),
]
pytestmark = pytest.mark.urls(__name__)


def owner(what: str) -> str:
    out = StringIO()
    call_command("owner", what, stdout=out)
    return out.getvalue()


@pytest.fixture
def task() -> Iterator[str]:
    """The name of a task of the app accounts."""

    def greet() -> None: ...

    greet.__module__ = "apps.accounts.tasks"
    shared_task(name="accounts.greet", max_retries=0)(greet)
    yield "accounts.greet"
    del current_app.tasks["accounts.greet"]


class TestOwner:
    @pytest.mark.parametrize(
        "what",
        [
            "accounts",
            "apps/accounts/models.py",
            "/accounts/login/",
            "/accounts/profile",
            "https://example.com/accounts/login/?next=/",
            "/admin/accounts/user/",
            "/api/users",
        ],
    )
    def test_is_the_team_of_the_app(self, what: str) -> None:
        assert "runbook     docs/runbooks/accounts.md" in owner(what)

    def test_is_found_by_the_name_of_a_task(self, task: str) -> None:
        assert owner(task).startswith("app         accounts")

    @pytest.mark.parametrize(
        "what",
        ["config", "apps", "apps/__init__.py", "/", "/api/docs", "trellis.delete_old_rows"],
    )
    def test_is_the_first_team_for_what_belongs_to_no_app(self, what: str) -> None:
        assert owner(what).startswith("app         none")
        assert "team        platform\n" in owner(what)

    @pytest.mark.parametrize(
        "what", ["apps/nobody/models.py", "../", "/nowhere/", "a.task", "x://["]
    )
    def test_is_refused_for_what_does_not_exist(self, what: str) -> None:
        with pytest.raises(CommandError, match="no file here, no task and no address"):
            owner(what)
