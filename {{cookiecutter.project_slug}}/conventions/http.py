"""How the project speaks HTTP: errors, JSON and pages, each in one place."""

import contextlib
import functools
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Generic, TypeVar

import orjson
import structlog
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import connections
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render as django_render
from django_structlog.middlewares import RequestMiddleware as StructlogMiddleware
from django_structlog.signals import bind_extra_request_finished_metadata
from ninja import NinjaAPI, Schema
from ninja.errors import HttpError
from ninja.errors import ValidationError as RequestInvalid
from ninja.renderers import BaseRenderer
from ninja.security import django_auth
from pydantic import BaseModel, ConfigDict, field_validator

from conventions import errors, tracing
from conventions.querying import no_queries

Item = TypeVar("Item")

STATUS_OF: dict[type[errors.BusinessError], HTTPStatus] = {
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.BusinessError: HTTPStatus.BAD_REQUEST,
}


def status_of(error: errors.BusinessError) -> HTTPStatus:
    """Return the status code that says what `error` says."""
    return next(status for kind, status in STATUS_OF.items() if isinstance(error, kind))


# JSON -----------------------------------------------------------------------------------------


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
    """A `conventions.paging.Page`. Pass `next_cursor` as `?cursor=` for what comes next."""

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


def user_id(request: HttpRequest) -> int:
    """Return the id of who is signed in. Raises `Forbidden` where nobody is."""
    if request.user.pk is None:
        raise errors.Forbidden("Please sign in first.")
    return request.user.pk


def sign_in_name(request: HttpRequest, credentials: dict[str, str] | None = None) -> str:
    """Return the name a sign-in is counted under: in one letter case, as it is looked up.

    By way of the upper one, as PostgreSQL goes, where a dotless i and an I are the same.
    """
    given = (credentials or {}).get("username") or request.POST.get("username", "")
    return given.strip().upper().lower()


def client_address(request: HttpRequest) -> str | None:
    """Return the address that a request came from, as the outermost of our proxies saw it.

    Each proxy adds on the right who asked it. What stands further left, anybody can write.
    """
    proxies: int = settings.PROXY_COUNT
    address: str | None = request.META.get("REMOTE_ADDR")
    hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    if 0 < proxies <= len(hops):
        address = hops[-proxies].strip() or address
    return address


# Pages ----------------------------------------------------------------------------------------


def render(
    request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """Render a page from what the view passed, without a query on the way."""
    request.user.is_authenticated  # noqa: B018  # load session and user before the gate closes
    messages.get_messages(request)
    with no_queries(f"rendering {template}"):
        return django_render(request, template, context, status=status)


def project(request: HttpRequest) -> dict[str, Any]:
    """Template context: what the project is called."""
    return {
        "project_name": settings.PROJECT_NAME,
        "project_description": settings.PROJECT_DESCRIPTION,
        "debug": settings.DEBUG,
    }


class BusinessErrorMiddleware:
    """Show a refused service as a page with its message. (The API answers for itself.)"""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, ValidationError):
            error = errors.Invalid("; ".join(error.messages))
        if not isinstance(error, errors.BusinessError):
            return None
        return render(request, "refused.html", {"error": error}, status=status_of(error))


# Every request --------------------------------------------------------------------------------


TRANSACTIONAL = ("BEGIN", "SAVEPOINT", "RELEASE SAVEPOINT")


class RequestMiddleware(StructlogMiddleware):
    """django-structlog's, whose `request_finished` also says what the request cost.

    `view`, `duration_ms` and `queries`: `manage.py slow` adds them up. A query more costs about a
    microsecond for being counted. What a cache in the database asks is no query, as in Redis, nor
    is what opens and ends a transaction, which SQLite would show and PostgreSQL would not.
    """

    def __call__(self, request: Any) -> Any:
        request.begun, request.queries = time.perf_counter(), 0

        cache_table = f'"{settings.CACHES["default"].get("LOCATION")}"'

        def count(execute: Callable[..., Any], sql: Any, *args: Any) -> Any:
            text = str(sql)
            request.queries += cache_table not in text and not text.startswith(TRANSACTIONAL)
            return execute(sql, *args)

        with contextlib.ExitStack() as stack:
            for each in connections.all():
                stack.enter_context(each.execute_wrapper(count))
            return super().__call__(request)

    def handle_response(self, request: Any, response: Any) -> None:
        match = request.resolver_match
        structlog.contextvars.bind_contextvars(
            # The address as urls.py has it: by name, the API's are all called after their first.
            view=f"{request.method} /{match.route}" if match else "",
            duration_ms=round(1000 * (time.perf_counter() - request.begun), 1),
            queries=request.queries,
        )
        super().handle_response(request, response)


@receiver(bind_extra_request_finished_metadata)
def tell_the_request_id(response: HttpResponse, **_: object) -> None:
    """Let whoever reports a fault say which request it was (`manage.py story`)."""
    response["X-Request-ID"] = tracing.request_id()
