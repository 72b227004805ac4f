"""A request: its charset, its id, its user, the address it came from, and what it cost."""

import contextlib
import ipaddress
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import structlog
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.wsgi import WSGIRequest
from django.db import connections
from django.http import HttpRequest
from django.utils.http import parse_header_parameters
from django_structlog.middlewares import RequestMiddleware as StructlogMiddleware

from trellis import errors, logs, ownership, tracing


class Utf8Request(WSGIRequest):
    """A request that is read as UTF-8, whatever charset its client states.

    Django reads it in any codec of Python's, and fails where that is none of text ("hex"), or where
    it cannot read the header Content-Type: before its own error handling, so that the server fails.
    """

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        try:
            header = parse_header_parameters(meta.get("CONTENT_TYPE", ""))
        except ValueError:
            header = "", {}
        self.content_type, self.content_params = header


class RequestMiddleware(StructlogMiddleware):
    """django-structlog's middleware, with what each request was, whose it was and what it cost.

    In `request_finished` and `request_failed`, `view` is the URL pattern, `app` and `owner` those
    of the view, `duration_ms` the time, `queries` the number of queries as Django counts them.
    `manage.py slow` adds them up. Counting costs about a microsecond a query.
    Each response carries the id of its request as `X-Request-ID` (`manage.py story`).
    """

    def __call__(self, request: Any) -> Any:
        request.started, request.queries = time.perf_counter(), 0

        def count(execute: Callable[..., Any], *args: Any) -> Any:
            request.queries += 1
            return execute(*args)

        with contextlib.ExitStack() as stack:
            for connection in connections.all():
                stack.enter_context(connection.execute_wrapper(count))
            return super().__call__(request)

    def process_view(self, request: HttpRequest, *view: Any) -> None:
        if "\0" in unquote(request.META.get("QUERY_STRING", "")):  # PostgreSQL fails on it
            raise SuspiciousOperation("There is a NUL character in the query string.")
        self.bind_user_id(request)  # this middleware stands further out than the one of users

    def handle_response(self, request: Any, response: Any) -> None:
        self._bind_view_and_cost(request)
        response["X-Request-ID"] = tracing.request_id()
        super().handle_response(request, response)

    def process_got_request_exception(self, sender: Any, request: Any, **details: Any) -> None:
        self._bind_view_and_cost(request)
        super().process_got_request_exception(sender, request, **details)

    def _bind_view_and_cost(self, request: Any) -> None:
        match = request.resolver_match
        view = getattr(match.func, "view_class", match.func) if match else None
        module = getattr(getattr(request, "endpoint", view), "__module__", "")
        owner = {"owner": team} if (team := ownership.team_of_module(module=module)) else {}
        structlog.contextvars.bind_contextvars(
            # The URL pattern: all endpoints below one path share the name of the first.
            view=f"{request.method} /{match.route}" if match else "",
            app=module.split(".")[1] if owner else "",
            duration_ms=round(1000 * (time.perf_counter() - request.started), 1),
            queries=request.queries,
            **owner,
        )

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {logs.TOKEN.sub('…', request.path)}"

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        structlog.contextvars.bind_contextvars(ip=client_address(request))


def client_address(request: HttpRequest) -> str | None:
    """Return the IP address that a request came from, as the outermost of our proxies saw it.

    Each proxy appends the address of its client to `X-Forwarded-For`. What stands further left
    than our own proxies (`PROXY_COUNT`) comes from the client, who can write anything there.
    """
    remote: str | None = request.META.get("REMOTE_ADDR")
    proxies: int = settings.PROXY_COUNT
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    if not 0 < proxies <= len(forwarded):
        return remote
    last = forwarded[-proxies]
    for text in (last, last.rpartition(":")[0]):  # some proxies add the port
        with contextlib.suppress(ValueError):
            return str(ipaddress.ip_address(text.strip(" []")))
    return remote  # it is no address, such as "unknown"


def user_id(request: HttpRequest) -> int:
    """Return the id of the signed-in user. Raises `Forbidden` if nobody is signed in."""
    if request.user.pk is None:
        raise errors.Forbidden("Please sign in first.")
    return request.user.pk
