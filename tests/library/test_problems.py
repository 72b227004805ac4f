"""Each error below /api/, as a client gets it through the whole middleware."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from ninja import Form
from ninja.errors import HttpError
from pytest_django import Settings

from tests.library.conftest import Serve
from trellis import errors, web
from trellis.web.status import TooManyRequests, status_of

pytestmark = pytest.mark.django_db


class SoldOut(errors.Conflict):
    """Every seat is taken."""


class OfAnApp(errors.NotFound):
    """There is no such hat."""

    __module__ = "apps.shop.services"


class Address(web.In):
    city: str


class Wanted(web.In):
    title: str
    seats: int = 1
    addresses: list[Address] = []


def take(request: HttpRequest, wanted: Wanted) -> None: ...


def raising(error: Exception) -> Any:
    def endpoint(request: HttpRequest) -> None:
        raise error

    return endpoint


@pytest.fixture
def client() -> Client:
    """A client that gets a 500 as an answer, and whose requests need a CSRF token."""
    return Client(raise_request_exception=False, enforce_csrf_checks=True)


@pytest.fixture
def signed_in(client: Client) -> Client:
    client.force_login(get_user_model().objects.create(email="ada@example.com"))
    return client


@pytest.fixture(params=[False, True], ids=["production", "debug"])
def debug(request: pytest.FixtureRequest, settings: Settings) -> bool:
    settings.DEBUG = is_on = bool(request.param)
    return is_on


def assert_problem(answer: Any, status: int, name: str) -> dict[str, Any]:
    """Check the form of a problem document, and return it."""
    assert answer["Content-Type"] == "application/problem+json", answer.content[:200]
    content: dict[str, Any] = answer.json()
    assert (answer.status_code, content["type"]) == (status, f"urn:problem:{name}"), content
    assert content["status"] == status
    assert content["title"]
    assert content["detail"]
    assert content["request_id"] == answer["X-Request-ID"] != ""
    assert "Content-Length" not in answer or int(answer["Content-Length"]) == len(answer.content)
    return content


class TestStatusOf:
    def test_is_that_of_the_kind_of_error(self) -> None:
        assert status_of(SoldOut()) == 409
        assert status_of(errors.NotFound()) == 404
        assert status_of(errors.Forbidden()) == 403
        assert status_of(errors.Invalid()) == 422
        assert status_of(errors.BusinessError("no")) == 400


class TestErrorOfAService:
    def test_has_a_type_of_its_own(self, serve: Serve, client: Client) -> None:
        serve(raising(SoldOut()), auth=None)

        answer = client.post("/api/x")

        assert answer.json() == {
            "type": "urn:problem:sold-out",
            "title": "Not possible any more",
            "status": 409,
            "detail": "Every seat is taken.",
            "request_id": answer["X-Request-ID"],
        }

    def test_has_the_app_in_its_type(self, serve: Serve, client: Client) -> None:
        serve(raising(OfAnApp()), auth=None)

        assert_problem(client.post("/api/x"), 404, "shop:of-an-app")

    def test_says_when_to_try_again(self, serve: Serve, client: Client) -> None:
        serve(raising(TooManyRequests(retry_after=61)), auth=None)

        answer = client.post("/api/x")

        content = assert_problem(answer, 429, "too-many-requests")
        assert (answer["Retry-After"], content["detail"]) == (
            "61",
            "Please try again in 2 minutes.",
        )

    def test_names_its_field(self, serve: Serve, client: Client) -> None:
        serve(raising(errors.Invalid("It is too long.", field="title")), auth=None)

        content = assert_problem(client.post("/api/x"), 422, "invalid")

        assert content["errors"] == [{"field": "title", "detail": "It is too long."}]

    def test_names_the_fields_that_a_model_refuses(self, serve: Serve, client: Client) -> None:
        refusal = ValidationError({"title": ["Too long.", "Taken."], "__all__": ["Not both."]})
        serve(raising(refusal), auth=None)

        content = assert_problem(client.post("/api/x"), 422, "invalid")

        assert content["detail"] == "Too long.; Taken.; Not both."
        assert content["errors"] == [
            {"field": "title", "detail": "Too long."},
            {"field": "title", "detail": "Taken."},
        ]

    def test_names_no_field_where_a_model_refuses_the_whole(
        self, serve: Serve, client: Client
    ) -> None:
        serve(raising(ValidationError("Not both.")), auth=None)

        content = assert_problem(client.post("/api/x"), 422, "invalid")

        assert (content["detail"], "errors" in content) == ("Not both.", False)


class TestInvalidRequest:
    def test_names_the_fields_as_the_client_sent_them(self, serve: Serve, client: Client) -> None:
        def endpoint(request: HttpRequest, wanted: Wanted, page: int) -> None: ...

        serve(endpoint, auth=None)
        sent = {"seats": 1, "addresses": [{}]}

        answer = client.post("/api/x?page=one", sent, content_type="application/json")

        content = assert_problem(answer, 422, "invalid")
        assert {each["field"] for each in content["errors"]} == {
            "title",
            "addresses.0.city",
            "page",
        }
        assert "title: Field required" in content["detail"]

    def test_names_the_argument_where_there_are_several_in_the_body(
        self, serve: Serve, client: Client
    ) -> None:
        def endpoint(request: HttpRequest, wanted: Wanted, address: Address) -> None: ...

        serve(endpoint, auth=None)
        sent = {"wanted": {}, "address": {"city": "Ulm"}}

        answer = client.post("/api/x", sent, content_type="application/json")

        content = assert_problem(answer, 422, "invalid")
        assert [each["field"] for each in content["errors"]] == ["wanted.title"]


class TestEveryOtherError:
    """Whatever Django, its middleware or ninja answer, with DEBUG and without."""

    def test_of_an_unknown_url(self, serve: Serve, client: Client, debug: bool) -> None:
        serve()

        for url in ("/api/nowhere", "/api/"):
            content = assert_problem(client.get(url), 404, "not-found")
            assert content["detail"] == "There is nothing at this address."

    def test_of_a_method(self, serve: Serve, client: Client, debug: bool) -> None:
        serve(take, auth=None)

        answer = client.get("/api/x")

        assert_problem(answer, 405, "method-not-allowed")
        assert answer["Allow"] == "POST"

    def test_of_an_unknown_host(self, serve: Serve, client: Client, debug: bool) -> None:
        serve(take, auth=None)

        assert_problem(client.get("/api/x", headers={"host": "evil.com"}), 400, "bad-request")

    def test_of_a_body_that_is_too_large(
        self, serve: Serve, client: Client, debug: bool, settings: Settings
    ) -> None:
        serve(take, auth=None)
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10

        answer = client.post("/api/x", {"title": "x" * 20}, content_type="application/json")

        assert_problem(answer, 413, "too-large")

    @pytest.mark.parametrize("auth", ["session", None])
    @pytest.mark.parametrize("media_type", ["text/plain", "multipart/form-data; boundary=x", ""])
    def test_of_another_media_type(
        self, serve: Serve, signed_in: Client, auth: str | None, media_type: str
    ) -> None:
        serve(take, **({} if auth else {"auth": None}))
        signed_in.cookies["csrftoken"] = token = "t" * 32
        body = b'--x\r\nContent-Disposition: form-data; name="title"\r\n\r\nHi\r\n--x--\r\n'

        answer = signed_in.generic(
            "POST", "/api/x", body, media_type, headers={"x-csrftoken": token}
        )

        content = assert_problem(answer, 415, "not-json")
        assert "application/json" in content["detail"]

    def test_of_a_multipart_form_that_cannot_be_read(
        self, serve: Serve, client: Client, debug: bool
    ) -> None:
        def endpoint(request: HttpRequest, title: Form[str]) -> None: ...

        serve(endpoint, auth=None)

        answer = client.generic("POST", "/api/x", b"x", "multipart/form-data; boundary=")

        assert_problem(answer, 400, "bad-request")

    @pytest.mark.parametrize("charset", ["utf-7", "utf-16", "x"])
    def test_of_another_charset(
        self, serve: Serve, client: Client, debug: bool, charset: str
    ) -> None:
        serve(take, auth=None)

        answer = client.generic("POST", "/api/x", b"{}", f"application/json; charset={charset}")

        assert_problem(answer, 400, "bad-request")

    @pytest.mark.parametrize("body", ["{", "[" * 100_000, '{"seats": ' + "1" * 5_000 + "}", "\xff"])
    def test_of_broken_json(self, serve: Serve, client: Client, debug: bool, body: str) -> None:
        serve(take, auth=None)

        answer = client.generic("POST", "/api/x", body.encode("latin-1"), "application/json")

        assert_problem(answer, 400, "bad-request")

    def test_of_a_missing_sign_in(self, serve: Serve, client: Client, debug: bool) -> None:
        serve(take)

        answer = client.post("/api/x")

        assert_problem(answer, 401, "unauthorized")
        assert answer["WWW-Authenticate"] == "Bearer"

    def test_of_a_missing_csrf_token(self, serve: Serve, signed_in: Client, debug: bool) -> None:
        serve(take)

        answer = signed_in.post("/api/x", {"title": "Hi"}, content_type="application/json")

        assert_problem(answer, 403, "csrf-failed")

    @pytest.mark.parametrize(
        ("error", "status", "name"),
        [
            (HttpError(429, "Slower, please."), 429, "too-many-requests"),
            (HttpError(423, "Try again."), 423, "locked"),
            (Http404(), 404, "not-found"),
            (PermissionDenied(), 403, "forbidden"),
        ],
    )
    def test_of_an_endpoint(
        self,
        serve: Serve,
        client: Client,
        debug: bool,
        error: Exception,
        status: int,
        name: str,
    ) -> None:
        serve(raising(error), auth=None)

        content = assert_problem(client.post("/api/x"), status, name)

        assert content["detail"] == str(error) or not str(error)

    def test_of_a_fault_of_ours(self, serve: Serve, client: Client, debug: bool) -> None:
        serve(raising(RuntimeError("the pump is off")), auth=None)

        content = assert_problem(client.post("/api/x"), 500, "internal-error")

        assert ("RuntimeError: the pump is off" in content["detail"]) == debug

    def test_keeps_the_headers_of_a_page(
        self, client: Client, debug: bool, settings: Settings
    ) -> None:
        def limited(request: HttpRequest) -> HttpResponse:
            headers = {"Retry-After": "60", "Content-Encoding": "gzip"}
            return HttpResponse(b"...", status=429, headers=headers)

        settings.ROOT_URLCONF = (path("api/limited", limited),)

        answer = client.get("/api/limited")

        assert_problem(answer, 429, "too-many-requests")
        assert answer["Retry-After"] == "60"
        assert "Content-Encoding" not in answer


class TestPages:
    def test_are_left_alone(self, client: Client) -> None:
        assert client.get("/nowhere/")["Content-Type"] == "text/html; charset=utf-8"
        assert client.get("/apiary/")["Content-Type"] == "text/html; charset=utf-8"
