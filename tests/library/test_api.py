from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.test import Client
from ninja import NinjaAPI, Router
from ninja.errors import HttpError
from ninja.testing import TestClient
from pydantic import ValidationError as ResultInvalid
from structlog.contextvars import bound_contextvars

from trellis import errors, reads, web
from trellis.web.status import TooManyRequests, status_of


class Address(web.In):
    city: str


class Wanted(web.In):
    title: str
    seats: int = 1
    addresses: list[Address] = []


def api_with(endpoint: Callable[..., Any], **operation: Any) -> TestClient:
    """Return a client of an API whose only endpoint is `POST x`."""
    router = Router()
    router.post("x", auth=None, **operation)(endpoint)
    api: NinjaAPI = web.make_api()
    api.add_router("", router)
    return TestClient(api)


def raising(error: Exception) -> TestClient:
    def endpoint(request: HttpRequest) -> None:
        raise error

    return api_with(endpoint)


class TestStatusOf:
    def test_is_that_of_the_kind_of_error(self) -> None:
        class SoldOut(errors.Conflict):
            """Every seat is taken."""

        assert status_of(SoldOut()) == HTTPStatus.CONFLICT
        assert status_of(errors.NotFound()) == HTTPStatus.NOT_FOUND
        assert status_of(errors.Forbidden()) == HTTPStatus.FORBIDDEN
        assert status_of(errors.Invalid()) == HTTPStatus.UNPROCESSABLE_ENTITY
        assert status_of(errors.BusinessError("no")) == HTTPStatus.BAD_REQUEST


class TestProblem:
    def test_describes_the_error_of_a_service(self) -> None:
        with bound_contextvars(request_id="of-the-request"):
            answer = raising(errors.Conflict("Every seat is taken.")).post("x")

        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json() == {
            "type": "about:blank",
            "title": "Not possible any more",
            "status": 409,
            "detail": "Every seat is taken.",
            "request_id": "of-the-request",
        }

    def test_says_when_to_try_again(self) -> None:
        answer = raising(TooManyRequests(retry_after=61)).post("x")

        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "61")
        assert answer.json()["detail"] == "Please try again in 2 minutes."

    def test_names_the_field_of_a_services_error(self) -> None:
        answer = raising(errors.Invalid("It is too long.", field="title")).post("x")

        assert answer.status_code == 422
        assert answer.json()["errors"] == [{"field": "title", "detail": "It is too long."}]

    def test_names_the_fields_that_a_model_refuses(self) -> None:
        refusal = ValidationError({"title": ["Too long.", "Taken."], "__all__": ["Not both."]})

        answer = raising(refusal).post("x")

        assert (answer.status_code, answer.json()["title"]) == (422, "Not valid")
        assert answer.json()["detail"] == "Too long.; Taken.; Not both."
        assert answer.json()["errors"] == [
            {"field": "title", "detail": "Too long."},
            {"field": "title", "detail": "Taken."},
        ]

    def test_names_no_field_where_a_model_refuses_the_whole(self) -> None:
        answer = raising(ValidationError("Not both.")).post("x")

        assert (answer.status_code, answer.json()["detail"]) == (422, "Not both.")
        assert "errors" not in answer.json()

    def test_names_the_fields_of_a_request_as_the_client_sent_them(self) -> None:
        def endpoint(request: HttpRequest, wanted: Wanted, page: int) -> None: ...

        answer = api_with(endpoint).post("x?page=one", json={"seats": 1, "addresses": [{}]})

        assert answer.status_code == 422
        assert {each["field"] for each in answer.json()["errors"]} == {
            "title",
            "addresses.0.city",
            "page",
        }
        assert "title: Field required" in answer.json()["detail"]

    def test_names_the_argument_where_there_are_several_in_the_body(self) -> None:
        def endpoint(request: HttpRequest, wanted: Wanted, address: Address) -> None: ...

        answer = api_with(endpoint).post("x", json={"wanted": {}, "address": {"city": "Ulm"}})

        assert [each["field"] for each in answer.json()["errors"]] == ["wanted.title"]

    def test_describes_an_error_of_ninja(self) -> None:
        answer = raising(HttpError(429, "Too many requests.")).post("x")

        assert (answer.status_code, answer.json()["title"]) == (429, "Too Many Requests")
        assert answer.json()["detail"] == "Too many requests."

    def test_describes_a_missing_sign_in(self, client: Client) -> None:
        def endpoint(request: HttpRequest) -> None: ...

        router = Router()
        router.get("x")(endpoint)
        api = web.make_api()
        api.add_router("", router)

        answer = TestClient(api).get("x")

        assert (answer.status_code, answer.json()["title"]) == (401, "Unauthorized")


class TestIn:
    @pytest.mark.parametrize("title", ["a\0b", "a\ud800b"])
    def test_refuses_text_that_a_database_cannot_store(self, title: str) -> None:
        with pytest.raises(ValueError, match="cannot be stored"):
            Wanted(title=title)

    def test_takes_an_emoji(self) -> None:
        assert Wanted(title="a 🌱").title == "a 🌱"


@dataclass(frozen=True)
class Seat:
    row: int


class SeatOut(web.Out):
    row: int


class TestOut:
    def test_is_made_from_the_attributes_of_a_page(self) -> None:
        def endpoint(request: HttpRequest) -> reads.Page[Seat]:
            return reads.Page(items=[Seat(row=1), Seat(row=2)], next_cursor=None)

        answer = api_with(endpoint, response=web.PageOut[SeatOut]).post("x")

        assert answer.json() == {"items": [{"row": 1}, {"row": 2}], "next_cursor": None}


class PersonOut(web.Out):
    count: int


class Person:
    """A result that runs a query when it is serialized."""

    @property
    def count(self) -> int:
        return get_user_model().objects.count()


@pytest.mark.django_db
class TestSerializing:
    def test_refuses_a_query_and_names_the_endpoint(self) -> None:
        def count_people(request: HttpRequest) -> Person:
            return Person()

        # pydantic wraps the error of an attribute and keeps its text.
        with pytest.raises(
            ResultInvalid, match=r"a query while serializing the result of .*\.count_people: SELECT"
        ):
            api_with(count_people, response=PersonOut).post("x")

    def test_allows_queries_before_and_after(self) -> None:
        def count_people(request: HttpRequest) -> dict[str, int]:
            return {"count": get_user_model().objects.count()}

        assert api_with(count_people, response=PersonOut).post("x").json() == {"count": 0}
        assert get_user_model().objects.count() == 0
