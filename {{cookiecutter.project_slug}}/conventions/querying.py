"""Reads that cannot grow queries behind one's back.

A selector returns everything it promises. What it forgot cannot be fetched later by accident:
rows carry `FETCH_RAISE`, and serialization and rendering run inside `no_queries()`.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.db import connections, models
from django.db.models import FETCH_PEERS, FETCH_RAISE

logger = structlog.get_logger(__name__)
Read = TypeVar("Read", bound=Callable[..., Any])
Row = TypeVar("Row", bound=models.Model)


class Manager(models.Manager[Row]):
    """Fetches a forgotten relation once for all rows of a result, not once a row.

    Safe as a default manager (the admin works); selectors go further with `promised()`.
    """

    def get_queryset(self) -> models.QuerySet[Row]:
        return super().get_queryset().fetch_mode(FETCH_PEERS)


class Model(models.Model):
    """The base of every model of the project."""

    objects = Manager()

    class Meta:
        abstract = True


def promised(queryset: models.QuerySet[Row]) -> models.QuerySet[Row]:
    """Return `queryset` with rows that raise `FieldFetchBlocked` on what was not loaded."""
    return queryset.fetch_mode(FETCH_RAISE)


@dataclass(frozen=True)
class Selector:
    """A read and what it may cost."""

    name: str
    queries: int


selectors: dict[str, Selector] = {}


def selector(*, queries: int) -> Callable[[Read], Read]:
    """Declare how many queries a read takes at most, however many rows there are.

    Nothing happens at run time; `assert_constant_queries` in the tests holds it to the number.
    """

    def declare(read: Read) -> Read:
        name = f"{read.__module__}.{read.__qualname__}"
        selectors[name] = Selector(name=name, queries=queries)
        return read

    return declare


class QueryOutsideSelector(RuntimeError):
    """Something was read from the database where everything should have been loaded."""


@contextlib.contextmanager
def no_queries(where: str) -> Iterator[None]:
    """Let nothing inside this block ask the database.

    `where` names the block for the message. Raises `QueryOutsideSelector` in development and
    tests; in production the query is logged and let pass, since a slow page beats none.
    """

    def refuse(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        message = f"A query while {where}: {sql[:200]}. Let the selector load it."
        if settings.PRODUCTION:
            logger.error("query_outside_selector", where=where, sql=sql[:200], stack_info=True)
            return execute(sql, *args)
        raise QueryOutsideSelector(message)

    with contextlib.ExitStack() as stack:
        for connection in connections.all(initialized_only=True):
            stack.enter_context(connection.execute_wrapper(refuse))
        yield
