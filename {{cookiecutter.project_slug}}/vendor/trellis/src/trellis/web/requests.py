"""A request: who asks, from where, under which id, and what it cost."""

import contextlib
import time
from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings
from django.db import connections
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django_structlog.middlewares import RequestMiddleware as StructlogMiddleware
from django_structlog.signals import bind_extra_request_finished_metadata

from trellis import errors, tracing

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
