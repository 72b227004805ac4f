from typing import Any
from uuid import uuid4

import pytest
import structlog
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.tokens import default_token_generator
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import path
from django.views import View
from pytest_django import Settings
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from trellis import errors, web
from trellis.web.requests import RequestMiddleware, Utf8Request, client_address

FORWARDED = [
    # PROXY_COUNT, X-Forwarded-For, and the client's address; REMOTE_ADDR is 10.0.0.1.
    (0, "8.8.4.4", "10.0.0.1"),
    (0, "8.8.4.4, 9.9.9.9", "10.0.0.1"),
    (1, "9.9.9.9", "9.9.9.9"),
    (1, "8.8.4.4, 9.9.9.9", "9.9.9.9"),
    (2, "8.8.4.4, 9.9.9.9, 10.0.0.2", "9.9.9.9"),
    (2, "9.9.9.9", "10.0.0.1"),
    (1, "2001:DB8::1", "2001:db8::1"),
    (1, "", "10.0.0.1"),
    (1, "unknown", "10.0.0.1"),
    (1, "9.9.9.9:5678", "9.9.9.9"),
    (1, "[2001:db8::1]:5678", "2001:db8::1"),
    (1, "[2001:db8::1]", "2001:db8::1"),
    (1, "9.9.9.9; drop table", "10.0.0.1"),
]


def request_from(forwarded: str) -> HttpRequest:
    return RequestFactory().get("/", headers={"x-forwarded-for": forwarded}, REMOTE_ADDR="10.0.0.1")


def finished(answer: Any) -> dict[str, Any]:
    """Return the `request_finished` line that calling `answer` logs."""
    with capture_logs(processors=[merge_contextvars]) as logged:
        answer()
    (line,) = [each for each in logged if each["event"] == "request_finished"]
    return dict(line)


class TestUtf8Request:
    @pytest.mark.parametrize("charset", ["utf-7", "hex", "undefined", "iso-8859-1"])
    def test_is_read_as_utf_8_whatever_its_client_states(self, charset: str) -> None:
        content_type = f"application/x-www-form-urlencoded; charset={charset}"
        given = RequestFactory().generic("POST", "/?a=%C3%A9", "b=%C3%A9")

        request = Utf8Request(given.environ | {"CONTENT_TYPE": content_type})

        assert (request.GET["a"], request.POST["b"]) == ("é", "é")

    def test_has_no_content_type_where_that_cannot_be_read(self) -> None:
        given = RequestFactory().generic("POST", "/", "a=b")

        request = Utf8Request(given.environ | {"CONTENT_TYPE": "text/plain; charset*=no''x"})

        assert (request.content_type, request.content_params) == ("", {})


@pytest.mark.parametrize(("proxies", "forwarded", "address"), FORWARDED)
class TestClientAddress:
    def test_is_what_the_outermost_of_our_proxies_saw(
        self, settings: Settings, proxies: int, forwarded: str, address: str
    ) -> None:
        settings.PROXY_COUNT = proxies

        assert client_address(request_from(forwarded)) == address

    def test_is_what_the_log_says(
        self, settings: Settings, proxies: int, forwarded: str, address: str
    ) -> None:
        settings.PROXY_COUNT = proxies
        answer = RequestMiddleware(lambda request: HttpResponse())

        assert finished(lambda: answer(request_from(forwarded)))["ip"] == address


@pytest.mark.django_db
class TestRequestFinished:
    def test_has_the_view_the_time_and_the_queries(self, client: Client) -> None:
        line = finished(lambda: client.get("/"))

        assert (line["view"], line["queries"]) == ("GET /", 0)
        assert line["duration_ms"] > 0

    def test_has_no_view_for_an_unknown_url(self, client: Client) -> None:
        assert finished(lambda: client.get("/nowhere/"))["view"] == ""

    def test_has_no_query_string_and_no_link_that_works_like_a_password(
        self, client: Client
    ) -> None:
        user = get_user_model()(pk=1)
        token = default_token_generator.make_token(user)
        signed = signing.dumps("ada@example.com", salt="salt")

        lines = [
            finished(lambda url=url: client.get(url))["request"]
            for url in (
                f"/reset/MQ/{token}/?password=hidden",
                f"/sign-up/{signed}",
                f"/a/{uuid4()}/",
            )
        ]

        assert lines[:2] == ["GET /reset/MQ/…/", "GET /sign-up/…"]
        assert "…" not in lines[2]

    def test_counts_each_query(self) -> None:
        def view(request: HttpRequest) -> HttpResponse:
            for _ in range(3):
                get_user_model().objects.exists()
            return HttpResponse()

        line = finished(lambda: RequestMiddleware(view)(RequestFactory().get("/")))

        assert line["queries"] == 3


class Page(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse()


def page(request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError


def endpoint(request: HttpRequest) -> str:
    return "ok"


Page.__module__ = page.__module__ = endpoint.__module__ = "apps.accounts.views"


class TestLineOfARequest:
    @pytest.mark.parametrize(
        ("path_", "event"),
        [
            ("/class/", "request_finished"),
            ("/function/", "request_failed"),
            ("/api/endpoint", "request_finished"),  # of the API, where ninja's function is the view
        ],
    )
    def test_names_app_and_owner_of_its_view_and_what_it_cost(
        self, path_: str, event: str, client: Client, settings: Settings
    ) -> None:
        api = web.make_api(public_docs=True)
        api.get("/endpoint", auth=None)(endpoint)
        settings.ROOT_URLCONF = (
            path("class/", Page.as_view()),
            path("function/", page),
            path("api/", api.urls),
        )
        client.raise_request_exception = False

        with capture_logs(processors=[merge_contextvars]) as logged:
            client.get(path_)

        (line,) = [each for each in logged if each["event"] == event]
        assert (line["app"], line["owner"]) == ("accounts", "platform")
        assert line["duration_ms"] > 0
        assert line["queries"] == 0
        assert line["request_id"]


@pytest.mark.django_db
class TestQueryString:
    def test_is_refused_with_a_character_that_postgresql_fails_on(
        self, client: Client, settings: Settings
    ) -> None:
        settings.ROOT_URLCONF = (path("", Page.as_view()),)

        assert client.get("/?status=%00").status_code == 400
        assert client.get("/?status=%20").status_code == 200


@pytest.mark.django_db
class TestLinesOfAView:
    def test_have_the_id_of_the_user(self, client: Client, settings: Settings) -> None:
        def view(request: HttpRequest) -> HttpResponse:
            structlog.get_logger().info("inside")
            return HttpResponse()

        settings.ROOT_URLCONF = (path("", view),)
        user = get_user_model().objects.create(email="ada@example.com")
        client.force_login(user)

        with capture_logs(processors=[merge_contextvars]) as logged:
            client.get("/")

        assert [each["user_id"] for each in logged if each["event"] == "inside"] == [user.pk]


@pytest.mark.django_db
class TestRequestId:
    def test_is_a_header_of_each_response(self, client: Client) -> None:
        first, second = (client.get("/")["X-Request-ID"] for _ in range(2))

        assert first
        assert first != second

    def test_is_a_header_of_the_response_to_a_failed_request(self, client: Client) -> None:
        client.raise_request_exception = False

        answer = client.get("/breaks/")

        assert (answer.status_code, bool(answer["X-Request-ID"])) == (500, True)


class TestUserId:
    def test_is_that_of_the_signed_in_user(self, rf: RequestFactory) -> None:
        request = rf.get("/")
        request.user = get_user_model()(pk=7)

        assert web.user_id(request) == 7

    def test_is_refused_if_nobody_is_signed_in(self, rf: RequestFactory) -> None:
        request = rf.get("/")
        request.user = AnonymousUser()

        with pytest.raises(errors.Forbidden, match="Please sign in first"):
            web.user_id(request)
