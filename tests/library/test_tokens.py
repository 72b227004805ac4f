"""Programs sign in to the API with a token."""

import io
import logging
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.http import HttpRequest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from tests.library.conftest import Serve
from trellis import errors, web
from trellis.models import ApiToken
from trellis.web import tokens

pytestmark = pytest.mark.django_db


def who(request: HttpRequest) -> dict[str, int]:
    return {"user": web.user_id(request)}


@pytest.fixture
def user() -> Any:
    return get_user_model().objects.create(email="ada@example.com")


@pytest.fixture
def token(user: Any) -> str:
    return tokens.create(user=user, name="importer", at=timezone.now())[1]


@pytest.fixture(autouse=True)
def endpoint(serve: Serve) -> None:
    serve(who, methods=("GET", "POST"))


def ask(token: str, *, method: str = "GET", url: str = "/api/x", **options: Any) -> Any:
    client = Client(enforce_csrf_checks=True)
    return client.generic(method, url, headers={"authorization": f"Bearer {token}"}, **options)


def assert_refused(answer: Any) -> None:
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.json()["type"] == "urn:problem:unauthorized"
    assert answer.json()["detail"] == "Sign in, or send a valid token."


class TestToken:
    def test_lets_a_program_in_as_its_user_without_a_csrf_token(
        self, token: str, user: Any
    ) -> None:
        assert ask(token).json() == {"user": user.pk}
        assert ask(token, method="POST").json() == {"user": user.pk}

    def test_is_stored_as_a_hash(self, token: str) -> None:
        (row,) = ApiToken.objects.values()

        assert token not in str(row)
        assert token.startswith(row["prefix"])
        assert len(token) == len("api_") + 43  # 256 bits

    @pytest.mark.parametrize("name", ["wrong", "expired", "revoked", "inactive"])
    def test_is_refused_in_one_way(self, token: str, user: Any, name: str) -> None:
        match name:
            case "wrong":
                token += "x"
            case "expired":
                ApiToken.objects.update(expires_at=timezone.now())
            case "revoked":
                tokens.revoke(token_id=ApiToken.objects.get().pk, at=timezone.now())
            case "inactive":
                user.is_active = False
                user.save()

        assert_refused(ask(token))

    @pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer \xff"])
    def test_is_refused_if_it_is_none(self, header: str) -> None:
        assert_refused(Client().get("/api/x", headers={"authorization": header}))

    def test_is_read_from_the_header_only(self, token: str) -> None:
        for name in ("token", "access_token", "Authorization"):
            assert_refused(Client().get("/api/x", {name: f"Bearer {token}"}))
            client = Client()
            client.cookies[name] = token
            assert_refused(client.get("/api/x"))

    def test_does_not_fall_back_to_a_session(self, user: Any) -> None:
        client = Client()
        client.force_login(user)

        assert client.get("/api/x").status_code == 200
        assert_refused(client.get("/api/x", headers={"authorization": "Bearer wrong"}))

    def test_opens_nothing_but_the_api(self, token: str, user: Any, settings: Any) -> None:
        settings.ROOT_URLCONF = "config.urls"
        user.is_staff = user.is_superuser = True
        user.save()

        answer = ask(token, url=reverse("admin:index"))

        assert answer.status_code == 302
        assert "login" in answer["Location"]

    def test_is_named_in_the_log_by_its_id_and_not_by_itself(
        self, token: str, caplog: pytest.LogCaptureFixture, settings: Any
    ) -> None:
        caplog.set_level(logging.DEBUG)
        settings.DEBUG = True  # ninja's own class for tokens logs a wrong header then
        with capture_logs(processors=[merge_contextvars]) as logged:
            ask(token)
            ask(token + "x")
            Client().get("/api/x", headers={"authorization": f"Token {token}"})

        row = ApiToken.objects.get()
        first = next(line for line in logged if line["event"] == "request_finished")
        assert (first["api_token"], first["user_id"]) == (row.pk, row.user_id)
        assert caplog.records
        assert token not in caplog.text + str(logged)


class TestLastUse:
    def test_is_noted_once_an_hour(
        self, token: str, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        with django_assert_num_queries(2):
            ask(token)
        with django_assert_num_queries(1):
            ask(token)
        ApiToken.objects.update(last_used_at=timezone.now() - timedelta(hours=1))
        ask(token)

        (row,) = ApiToken.objects.all()
        assert row.last_used_at is not None
        assert timezone.now() - row.last_used_at < timedelta(minutes=1)


class TestCreate:
    @pytest.mark.parametrize("days", [0, 367])
    def test_refuses_a_token_that_lasts_too_long(self, user: Any, days: int) -> None:
        with pytest.raises(errors.Invalid, match="1 to 366 days"):
            tokens.create(user=user, name="x", days=days, at=timezone.now())

    def test_refuses_a_token_without_a_name(self, user: Any) -> None:
        with pytest.raises(ValidationError):
            tokens.create(user=user, name="", at=timezone.now())


def run(*arguments: str) -> str:
    output = io.StringIO()
    call_command("api_token", *arguments, stdout=output)
    return output.getvalue()


class TestCommand:
    def test_creates_lists_and_revokes(self, user: Any) -> None:
        first_line, token = run("create", user.email, "importer", "--days", "10").splitlines()
        until = timezone.now() + timedelta(days=10)
        row = ApiToken.objects.get()

        assert f"valid until {until:%Y-%m-%d}" in first_line
        assert ask(token).status_code == 200
        assert run("list") == f"{row.pk}  {token[:8]}…  importer of ada@example.com, valid\n"

        assert run("revoke", str(row.pk)) == f"Revoked token {row.pk}.\n"
        assert_refused(ask(token))
        assert run("list").endswith(", revoked\n")
        with pytest.raises(CommandError, match=f"There is no valid token {row.pk}"):
            run("revoke", str(row.pk))

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("nobody@example.com", "x"), "There is no user nobody@example.com."),
            (("ada@example.com", "x", "--days", "400"), "A token lasts 1 to 366 days."),
            (("ada@example.com", "x" * 101), "at most 100 characters"),
        ],
    )
    def test_refuses_in_one_line(self, user: Any, arguments: tuple[str, ...], message: str) -> None:
        with pytest.raises(CommandError, match=message):
            run("create", *arguments)


class TestAdmin:
    @pytest.fixture(autouse=True)
    def admin_urls(self, settings: Any, endpoint: None) -> None:
        settings.ROOT_URLCONF = "config.urls"

    def test_lists_and_revokes(self, token: str, admin_client: Client) -> None:
        url, row = reverse("admin:trellis_apitoken_changelist"), ApiToken.objects.get()
        assert "importer" in admin_client.get(url, {"q": "ada@"}).content.decode()
        chosen = {"action": "revoke", "_selected_action": [row.pk]}

        page = admin_client.post(url, chosen, follow=True).content.decode()

        assert "Revoked tokens: 1." in page
        row.refresh_from_db()
        assert row.state == "revoked"

    def test_shows_no_secret_and_adds_and_changes_nothing(
        self, token: str, admin_client: Client
    ) -> None:
        row = ApiToken.objects.get()

        page = admin_client.get(reverse("admin:trellis_apitoken_change", args=[row.pk]))

        assert row.hash not in page.content.decode()
        assert b"_save" not in page.content
        assert admin_client.get(reverse("admin:trellis_apitoken_add")).status_code == 403

    def test_refuses_staff_without_permission(self, token: str, client: Client) -> None:
        staff = get_user_model().objects.create(email="staff@example.org", is_staff=True)
        client.force_login(staff)
        row = ApiToken.objects.get()
        chosen = {"action": "revoke", "_selected_action": [row.pk]}

        client.post(reverse("admin:trellis_apitoken_changelist"), chosen)

        row.refresh_from_db()
        assert row.state == "valid"


class TestState:
    def test_of_an_old_token_is_expired(self, token: str) -> None:
        row = ApiToken.objects.get()
        row.expires_at = datetime(2020, 1, 1, tzinfo=timezone.get_current_timezone())

        assert row.state == "expired"
