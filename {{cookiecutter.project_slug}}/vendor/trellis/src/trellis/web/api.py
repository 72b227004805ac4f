"""The API: session login, orjson, and errors as problem details (RFC 9457)."""

import contextlib
import functools
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Generic, TypeVar

import orjson
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI, Schema
from ninja.errors import HttpError
from ninja.errors import ValidationError as RequestInvalid
from ninja.renderers import BaseRenderer
from ninja.security import django_auth
from pydantic import BaseModel, ConfigDict, field_validator

from trellis import errors
from trellis.reads import no_queries
from trellis.web.status import status_of

Item = TypeVar("Item")


class JSONRenderer(BaseRenderer):
    """orjson: a third of the CPU time of the standard library for a list of 100 rows."""

    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        return orjson.dumps(data, default=str)


class In(Schema):
    """The base of what an endpoint takes. Text that no database could keep is refused (422).

    That is a NUL on PostgreSQL, and half of an emoji anywhere. Lists and dicts are not looked into.
    """

    @field_validator("*")
    @classmethod
    def _can_be_kept(cls, value: Any) -> Any:
        if isinstance(value, str) and any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value):
            raise ValueError("it holds a character that cannot be kept")
        return value


class Out(BaseModel):
    """The base of what an endpoint answers: the attributes of what it returned, as they are.

    No `Schema` of ninja's: going out, that would look at each value for a file, a related manager
    or a method first: most of the time that a list of 50 takes.
    """

    model_config = ConfigDict(from_attributes=True)


class PageOut(Out, Generic[Item]):
    """A `trellis.reads.Page`. Pass `next_cursor` as `?cursor=` for what comes next."""

    items: list[Item]
    next_cursor: str | None


def make_api() -> NinjaAPI:
    """Return the project's API: session login, orjson, errors as problem details (RFC 9457).

    What an endpoint returned is serialized without a query on the way.
    """
    api = NinjaAPI(
        title=settings.PROJECT_NAME,
        version="1",
        auth=django_auth,
        renderer=JSONRenderer(),
    )
    api.add_decorator(_close_gate_on_return, mode="operation")
    api.add_decorator(_open_gate_when_answered, mode="view")

    @api.exception_handler(errors.BusinessError)
    def refused(request: HttpRequest, error: errors.BusinessError) -> HttpResponse:
        return problem(status=status_of(error), title=error.title, detail=error.detail)

    @api.exception_handler(RequestInvalid)
    def invalid(request: HttpRequest, error: RequestInvalid) -> HttpResponse:
        return problem(
            status=HTTPStatus.UNPROCESSABLE_ENTITY,
            title="The request is not valid",
            detail="; ".join(
                f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
                for fault in error.errors
            ),
        )

    @api.exception_handler(ValidationError)
    def unfit(request: HttpRequest, error: ValidationError) -> HttpResponse:
        refusal = errors.Invalid("; ".join(error.messages))
        return problem(status=status_of(refusal), title=refusal.title, detail=refusal.detail)

    @api.exception_handler(HttpError)
    def spoken(request: HttpRequest, error: HttpError) -> HttpResponse:
        status = HTTPStatus(error.status_code)
        return problem(status=status, title=status.phrase, detail=str(error))

    return api


def _close_gate_on_return(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    where = f"serializing what {endpoint.__module__}.{endpoint.__name__} returned"

    @functools.wraps(endpoint)
    def returned(request: Any, *args: Any, **kwargs: Any) -> Any:
        result = endpoint(request, *args, **kwargs)
        request.gate.enter_context(no_queries(where))
        return result

    return returned


def _open_gate_when_answered(run: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(run)
    def answered(request: Any, *args: Any, **kwargs: Any) -> Any:
        with contextlib.ExitStack() as request.gate:
            return run(request, *args, **kwargs)

    return answered


def problem(*, status: HTTPStatus, title: str, detail: str) -> JsonResponse:
    """Return an RFC 9457 problem document."""
    return JsonResponse(
        {"type": "about:blank", "title": title, "status": status.value, "detail": detail},
        status=status,
        content_type="application/problem+json",
    )
