"""What the OpenAPI document says of an endpoint."""

from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth import get_user_model
from django.http import HttpRequest
from django.test import Client
from django.urls import path
from ninja import File, Form, UploadedFile
from ninja.throttling import AnonRateThrottle
from openapi_spec_validator import validate
from pytest_django import Settings

from tests.library.conftest import Serve
from trellis import web

READ = {"200", "400", "500"}
REFUSED = {"403", "404", "409", "422"}  # what a service can raise, besides 400


class Wanted(web.In):
    title: str


class WantedOut(web.Out):
    title: str | None


def read(request: HttpRequest) -> None: ...


def find(request: HttpRequest, title: str = "") -> None: ...


def read_one(request: HttpRequest, public_id: UUID) -> None: ...


def add(request: HttpRequest, wanted: Wanted) -> None: ...


def fill_in(request: HttpRequest, title: Form[str]) -> None: ...


def remove(request: HttpRequest, public_id: UUID) -> None: ...


def upload(
    request: HttpRequest, public_id: UUID, wanted: Form[Wanted], file: File[UploadedFile]
) -> None: ...


def document_of(api: Any) -> Any:
    return Client().get("/api/openapi.json").json()


def operation_of(api: Any) -> Any:
    """Return what the document says of the only operation."""
    (path,) = document_of(api)["paths"].values()
    (operation,) = path.values()
    return operation


class TestStatuses:
    @pytest.mark.parametrize(
        ("endpoint", "options", "statuses"),
        [
            (read, {"auth": None}, READ),
            (read, {}, READ | {"401"}),
            (find, {"auth": None}, READ | {"422"}),
            (read_one, {"auth": None, "route": "{uuid:public_id}"}, READ | {"404"}),
            (read_one, {"auth": None, "route": "{public_id}"}, READ | {"404", "422"}),
            (read, {"auth": None, "throttle": AnonRateThrottle("1/s")}, READ | {"429"}),
            (read, {"auth": None, "response": {200: None, 403: None}}, READ | {"403"}),
            (add, {"methods": ["POST"]}, READ | REFUSED | {"401", "413", "415"}),
            (fill_in, {"methods": ["PUT"]}, READ | REFUSED | {"401", "413", "415"}),
            (
                remove,
                {"methods": ["DELETE"], "auth": None, "route": "{uuid:public_id}"},
                READ | REFUSED,
            ),
        ],
    )
    def test_are_those_that_the_kind_of_endpoint_can_answer(
        self, serve: Serve, endpoint: Any, options: dict[str, Any], statuses: set[str]
    ) -> None:
        api = serve(endpoint, **{"methods": ["GET"], **options})

        assert set(operation_of(api)["responses"]) == statuses

    def test_are_answered_with_a_problem(self, serve: Serve) -> None:
        api = serve(read, methods=["GET"], response={200: None, 403: None})

        described = operation_of(api)["responses"]

        schema = {"$ref": "#/components/schemas/Problem"}
        content = {"application/problem+json": {"schema": schema}}
        assert described["401"] == {"description": "Not signed in", "content": content}
        assert described["403"] == {"description": "Not allowed", "content": content}
        schemas = document_of(api)["components"]["schemas"]
        assert "request_id" in schemas["Problem"]["properties"]
        assert "FieldProblem" in schemas

    def test_leave_what_an_endpoint_describes_itself(self, serve: Serve) -> None:
        class Refusal(web.Out):
            why: str

        api = serve(read, methods=["GET"], response={200: None, 401: Refusal})

        described = operation_of(api)["responses"]["401"]["content"]["application/json"]
        assert described["schema"] == {"$ref": "#/components/schemas/Refusal"}


class TestDocument:
    def test_is_valid(self, settings: Settings) -> None:
        api: Any = web.make_api(public_docs=True)
        api.get("find", response=web.PageOut[WantedOut])(find)
        api.post("add", response={201: WantedOut})(add)
        api.post("{uuid:public_id}", response={204: None, 418: None})(upload)
        settings.ROOT_URLCONF = (path("api/", api.urls),)

        validate(document_of(api))


class TestOperationId:
    @pytest.mark.parametrize(
        ("module", "name"),
        [
            ("apps.bookings.api", "bookings_read"),
            ("apps.bookings.api.admin", "bookings_admin_read"),
        ],
    )
    def test_is_the_app_and_the_function(self, serve: Serve, module: str, name: str) -> None:
        def read(request: HttpRequest) -> None: ...

        read.__module__ = module

        assert operation_of(serve(read, methods=["GET"]))["operationId"] == name


@pytest.mark.django_db
class TestDocumentation:
    def test_says_who_may_use_what(self, serve: Serve) -> None:
        assert "security" not in operation_of(serve(read, auth=None))
        assert operation_of(serve(read))["security"] == [{"TokenAuth": []}, {"SessionAuth": []}]

    @pytest.mark.parametrize("url", ["/api/docs", "/api/openapi.json"])
    def test_is_for_staff_where_it_is_not_public(
        self, serve: Serve, client: Client, url: str
    ) -> None:
        serve(read, public_docs=False)
        user = get_user_model().objects.create(email="ada@example.com")

        statuses = [client.get(url).status_code]
        client.force_login(user)
        statuses.append(client.get(url).status_code)
        user.is_staff = True
        user.save()
        statuses.append(client.get(url).status_code)

        assert statuses == [403, 403, 200]

    def test_is_public_where_that_is_said(self, serve: Serve, client: Client) -> None:
        serve(read, public_docs=True)

        assert client.get("/api/docs").status_code == 200
        assert client.get("/api/openapi.json").status_code == 200
