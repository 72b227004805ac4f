from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.http import HttpRequest
from ninja import NinjaAPI, Router
from ninja.testing import TestClient
from pydantic import ValidationError as ResultInvalid

from trellis import reads, web


class Wanted(web.In):
    title: str
    seats: int = 1
    price: float = 0.0


def api_with(endpoint: Callable[..., Any], **operation: Any) -> TestClient:
    """Return a client of an API whose only endpoint is `POST x`."""
    router = Router()
    router.post("x", auth=None, **operation)(endpoint)
    api: NinjaAPI = web.make_api(public_docs=True)
    api.add_router("", router)
    return TestClient(api)


class TestIn:
    @pytest.mark.parametrize("title", ["a\0b", "a\ud800b"])
    def test_refuses_text_that_a_database_cannot_store(self, title: str) -> None:
        with pytest.raises(ValueError, match="cannot be stored"):
            Wanted(title=title)

    @pytest.mark.parametrize("seats", [2**63, -(2**63) - 1])
    def test_refuses_a_number_that_a_database_cannot_store(self, seats: int) -> None:
        with pytest.raises(ValueError, match="too large to be stored"):
            Wanted(title="a", seats=seats)

    @pytest.mark.parametrize("price", [float("inf"), float("nan")])
    def test_refuses_what_is_no_number(self, price: float) -> None:
        with pytest.raises(ValueError, match="finite number"):
            Wanted(title="a", price=price)

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
