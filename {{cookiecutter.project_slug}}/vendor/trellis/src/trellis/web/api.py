"""The JSON API: django-ninja with sessions and tokens, orjson, and problem details (RFC 9457)."""

import contextlib
import functools
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Generic, TypeVar

import orjson
from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, RawPostDataException
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, HttpError
from ninja.errors import ValidationError as RequestInvalid
from ninja.operation import Operation
from ninja.parser import Parser
from ninja.renderers import BaseRenderer
from ninja.security import SessionAuth as NinjaSessionAuth
from pydantic import BaseModel, ConfigDict, field_validator

from trellis import errors
from trellis.reads.gate import no_queries
from trellis.web.openapi import DESCRIPTION, Documentation
from trellis.web.problems import problem_of_error, problem_of_status
from trellis.web.status import invalid
from trellis.web.tokens import TokenAuth

Item = TypeVar("Item")


class In(Schema):
    """The base class of what an endpoint takes.

    Refuses what a database cannot store (422): text with a NUL or half of a surrogate pair, numbers
    beyond 64 bits. It checks the fields themselves, not what is in lists and dicts.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _is_storable(cls, value: Any) -> Any:
        if isinstance(value, str) and any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value):
            raise ValueError("it contains a character that cannot be stored")
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise ValueError("it is too large to be stored")
        return value


class Out(BaseModel):
    """The base class of what an endpoint returns. It reads the fields from attributes.

    Not ninja's `Schema`: that one looks at each value for a file, a related manager or a method
    first, which is most of the time that a list of 50 rows takes.
    """

    model_config = ConfigDict(from_attributes=True)


class PageOut(Out, Generic[Item]):
    """A `reads.Page`. Pass `next_cursor` as `?cursor=` to get the page after it."""

    items: list[Item]
    next_cursor: str | None


class JSONRenderer(BaseRenderer):
    """Writes JSON with orjson: a third of the CPU time of `json` for a list of 100 rows."""

    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        return orjson.dumps(data, default=str)


class JSONParser(Parser):
    """Reads JSON, and refuses what calls itself something else (415)."""

    def parse_body(self, request: HttpRequest) -> Any:
        if request.content_type != "application/json":
            raise HttpError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "")
        return super().parse_body(request)


class CsrfFailed(errors.Forbidden):
    """Send the value of the CSRF cookie in the header X-CSRFToken, from a page of this site."""


class SessionAuth(NinjaSessionAuth):
    """Django's sessions. Who is signed in needs the CSRF token to change something."""

    def _get_key(self, request: HttpRequest) -> str | None:
        if not request.user.is_authenticated:
            return None  # so that a stranger gets 401, and not what is wrong with the CSRF token
        try:
            return super()._get_key(request)
        except HttpError:
            raise CsrfFailed from None


class API(NinjaAPI):
    """ninja's API, with every problem documented and fields named by their path in the request."""

    def get_openapi_schema(self, *, path_prefix: str | None = None, **options: Any) -> Any:
        return Documentation(self, path_prefix or self.get_root_path({}))

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """Return a name like `bookings_book_seat`: the app and the function."""
        module = operation.view_func.__module__.removeprefix("apps.").split(".")
        return "_".join([*(part for part in module if part != "api"), operation.view_func.__name__])

    def validation_error_from_error_contexts(self, error_contexts: list[Any]) -> RequestInvalid:
        found = []
        for context in error_contexts:
            # Of an only body argument, the client sends the fields and not the argument's name.
            argument = getattr(context.model, "__read_from_single_attr__", None)
            for error in super().validation_error_from_error_contexts([context]).errors:
                path = list(error["loc"][1:])  # without "body", "query" or "path"
                found.append({**error, "loc": path[1:] if path[:1] == [argument] else path})
        return RequestInvalid(found)


def make_api(*, public_docs: bool) -> NinjaAPI:
    """Return the project's API. Add each app's router to it.

    `public_docs` shows its documentation, `docs` and `openapi.json`, to everybody; otherwise staff
    can see it. Every error is answered with problem details. Serializing a result runs no query:
    that raises `RuleBroken` in development and tests.
    """
    api = API(
        title=settings.PROJECT_NAME,
        version="1",
        description=DESCRIPTION,
        auth=[TokenAuth(), SessionAuth()],
        parser=JSONParser(),
        renderer=JSONRenderer(),
        docs_decorator=None if public_docs else _for_staff,
    )
    api.add_decorator(_refuse_queries_after, mode="operation")
    api.add_decorator(_answer, mode="view")
    api.exception_handler(errors.BusinessError)(_business_error)
    api.exception_handler(ValidationError)(_validation_error)
    api.exception_handler(RequestInvalid)(_request_invalid)
    api.exception_handler(HttpError)(_http_error)
    for kind, status in STATUS_OF_EXCEPTION.items():
        api.exception_handler(kind)(functools.partial(_other_error, status=status))
    api.exception_handler(Exception)(_fault)
    return api


def _for_staff(view: Callable[..., Any]) -> Callable[..., Any]:
    def run(request: HttpRequest, **kwargs: Any) -> Any:
        if not request.user.is_staff:
            raise PermissionDenied
        return view(request, **kwargs)

    return run


def _refuse_queries_after(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse queries from the endpoint's return on, while ninja serializes the result."""
    where = f"serializing the result of {endpoint.__module__}.{endpoint.__name__}"

    @functools.wraps(endpoint)
    def run(request: Any, *args: Any, **kwargs: Any) -> Any:
        result = endpoint(request, *args, **kwargs)
        request.serializing.enter_context(no_queries(where))
        return result

    return run


def _answer(answer: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse a request in another charset than UTF-8; allow queries again after the response."""
    operation: Operation = answer.__self__  # type: ignore[attr-defined]  # it is `Operation.run`

    @functools.wraps(answer)
    def run(request: Any, *args: Any, **kwargs: Any) -> Any:
        request.endpoint = operation.view_func  # for the log (requests.py)
        charset = (request.content_params or {}).get("charset", "utf-8")
        if charset.lower() not in ("utf-8", "utf8"):
            return problem_of_status(400, detail="Only UTF-8 can be read.")
        with contextlib.ExitStack() as request.serializing:
            return answer(request, *args, **kwargs)

    return run


def _business_error(request: HttpRequest, error: errors.BusinessError) -> HttpResponse:
    return problem_of_error(error)


def _validation_error(request: HttpRequest, error: ValidationError) -> HttpResponse:
    by_field = error.message_dict if hasattr(error, "error_dict") else {}
    found = [(name, text) for name, texts in by_field.items() for text in texts]
    return problem_of_error(
        invalid(error), field_errors=[each for each in found if each[0] != "__all__"]
    )


def _request_invalid(request: HttpRequest, error: RequestInvalid) -> HttpResponse:
    found = [(".".join(map(str, each["loc"])), str(each["msg"])) for each in error.errors]
    return problem_of_status(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        detail="; ".join(f"{field}: {message}" if field else message for field, message in found),
        field_errors=[each for each in found if each[0]],
    )


def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    if isinstance(error.__cause__, HttpError):  # ninja makes a 400 of all that its parser raises
        error = error.__cause__
    return problem_of_status(error.status_code, detail=str(error))


STATUS_OF_EXCEPTION = {
    AuthenticationError: 401,
    Http404: 404,
    RequestDataTooBig: 413,
    RawPostDataException: 415,  # it was read as a form already, to look for a CSRF token
}


def _other_error(request: HttpRequest, error: Exception, *, status: int) -> HttpResponse:
    return problem_of_status(status)


def _fault(request: HttpRequest, error: Exception) -> HttpResponse:
    raise error  # to Django, with DEBUG, too, where ninja would answer with a traceback
