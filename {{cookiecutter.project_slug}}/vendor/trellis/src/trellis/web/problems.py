"""Problem details (RFC 9457): the form of every error below `/api/`."""

import re
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from pydantic import BaseModel
from structlog.contextvars import bound_contextvars

from trellis import errors, tracing
from trellis.web.status import TooManyRequests, status_of

API = "/api/"
MEDIA_TYPE = "application/problem+json"
FieldError = tuple[str, str]  # the path of an input and what is wrong with it


class FieldProblem(BaseModel):
    """A field that is wrong, by its path in what was sent: `addresses.0.city`."""

    field: str
    detail: str


class Problem(BaseModel):
    """An error.

    `type` names the problem for programs and does not change; `detail` is for people and may.
    `request_id` finds the request in the log. `errors` lists the wrong fields.
    """

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[FieldProblem] = []


class Kind(NamedTuple):
    """The answer to an error that no service raised."""

    name: str
    title: str
    detail: str


KINDS = {
    400: Kind("bad-request", "Bad request", "The request cannot be read."),
    401: Kind("unauthorized", "Not signed in", "Sign in, or send a valid token."),
    403: Kind("forbidden", errors.Forbidden.title, "You are not allowed to do this."),
    404: Kind("not-found", errors.NotFound.title, "There is nothing at this address."),
    405: Kind("method-not-allowed", "Method not allowed", "The header Allow lists the methods."),
    409: Kind("conflict", errors.Conflict.title, "This is not possible in the current state."),
    413: Kind("too-large", "Too large", "The request is larger than this site takes."),
    415: Kind("not-json", "Not JSON", "Send JSON, with the header Content-Type: application/json."),
    422: Kind("invalid", errors.Invalid.title, "The request is not valid."),
    429: Kind("too-many-requests", TooManyRequests.title, "Try again after Retry-After seconds."),
    500: Kind(
        "internal-error", "Internal error", "This is a fault of ours, logged with this request id."
    ),
    503: Kind("unavailable", "Not available", "Try again later."),
}


class ProblemMiddleware:
    """Turn every error below `/api/` that is not JSON into problem details.

    It stands outside of the middleware that answers errors itself, such as an unknown host or URL.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        is_json = "json" in response.get("Content-Type", "")
        if response.status_code < 400 or is_json or not request.path_info.startswith(API):
            return response
        detail = getattr(request, "exception", "") if response.status_code >= 500 else ""
        with bound_contextvars(request_id=response.get("X-Request-ID", "")):
            answer = problem_of_status(response.status_code, detail=detail)
        # In place, for the other headers: Allow, Retry-After, X-Request-ID, cookies.
        response.content = answer.content
        response["Content-Type"] = MEDIA_TYPE
        response["Content-Length"] = str(len(answer.content))
        del response["Content-Encoding"]
        return response

    def process_exception(self, request: Any, error: Exception) -> None:
        if settings.DEBUG:
            request.exception = f"{type(error).__name__}: {error}"


def problem_of_status(
    status: int, *, detail: str = "", field_errors: Sequence[FieldError] = ()
) -> HttpResponse:
    """Return the problem document of an error that no service raised."""
    kind = kind_of(status)
    return _problem(status, kind._replace(detail=detail or kind.detail), field_errors)


def problem_of_error(
    error: errors.BusinessError, *, field_errors: Sequence[FieldError] = ()
) -> HttpResponse:
    """Return the problem document of a service's error.

    Its type is named for the app and the class, such as `urn:problem:bookings:session-full`.
    """
    if error.field and not field_errors:
        field_errors = [(error.field, error.detail)]
    kind = Kind(_name_of(type(error)), error.title, error.detail)
    response = _problem(status_of(error), kind, field_errors)
    if isinstance(error, TooManyRequests):
        response["Retry-After"] = str(error.retry_after)
    return response


def kind_of(status: int) -> Kind:
    """Return the text for a status code."""
    phrase = HTTPStatus(status).phrase
    return KINDS.get(status) or Kind(phrase.lower().replace(" ", "-"), phrase, phrase)


def _name_of(error: type[errors.BusinessError]) -> str:
    app = error.__module__.removeprefix("apps.").partition(".")[0]
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", error.__name__).lower()
    return f"{app}:{name}" if error.__module__.startswith("apps.") else name


def _problem(status: int, kind: Kind, field_errors: Sequence[FieldError]) -> HttpResponse:
    content: dict[str, Any] = {
        "type": f"urn:problem:{kind.name}",
        "title": kind.title,
        "status": int(status),
        "detail": kind.detail,
        "request_id": tracing.request_id(),
    }
    if field_errors:
        content["errors"] = [{"field": field, "detail": text} for field, text in field_errors]
    response = JsonResponse(content, status=status, content_type=MEDIA_TYPE)
    if status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = "Bearer"
    return response
