"""Reads that cannot grow queries behind one's back.

A selector returns everything it promises. What it forgot cannot be fetched later by accident:
rows carry `FETCH_RAISE`, and serialization and rendering run inside `no_queries()`.
"""

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.core.exceptions import FieldFetchBlocked
from django.db import connections, models
from django.db.models import FETCH_PEERS, FETCH_RAISE, Lookup
from django.template import Node

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


def within_days(column: str, *, first: date, last: date) -> models.Q:
    """Return the condition that a time falls on a day from `first` to `last` (days in UTC).

    An index of the column serves it, as it cannot serve `column__date`.
    """
    begin, end = (datetime.combine(day, time.min, UTC) for day in (first, last + timedelta(days=1)))
    return models.Q(**{f"{column}__gte": begin, f"{column}__lt": end})


CURE = (
    "Let the selector load it: select_related() or prefetch_related() for a relation, no only() or"
    " defer() of a column (AGENTS.md, rule 9)."
)


class QueryOutsideSelector(RuntimeError):
    """Something was read from the database where everything should have been loaded."""


@contextlib.contextmanager
def no_queries(where: str) -> Iterator[None]:
    """Let nothing inside this block ask the database.

    `where` names the block for the message. Raises `QueryOutsideSelector` in development and
    tests; in production the query is logged and let pass, since a slow page beats none. A
    `FieldFetchBlocked` (see `promised`) leaves with a note of what to do.
    """

    def refuse(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        line = asked_from()
        if settings.PRODUCTION:
            logger.error("query_outside_selector", where=where, line=line, sql=sql[:200])
            return execute(sql, *args)
        message = f"{line}: a query while {where}: {sql[:200]}. Let the selector load it."
        raise QueryOutsideSelector(message)

    with contextlib.ExitStack() as stack:
        for connection in connections.all():
            stack.enter_context(connection.execute_wrapper(refuse))
        try:
            yield
        except FieldFetchBlocked as error:
            error.add_note(f"It was read while {where}. {CURE}")
            raise


NOT_THE_ASKER = {f"conventions/{name}.py" for name in ("http", "querying", "testing")}


def asked_from() -> str:
    """Return the `path:line` of ours, in a template or in code, that the running query is for."""
    root = settings.BASE_DIR
    frame = sys._getframe(1)
    while frame is not None:
        node: Any = frame.f_locals.get("self")
        # Not isinstance(): a lazy object would ask the database what it is.
        is_node = issubclass(type(node), Node)
        if is_node and node.token and node.origin:
            return f"{_ours(node.origin.name, root=root) or node.origin.name}:{node.token.lineno}"
        path = _ours(frame.f_code.co_filename, root=root)
        if path and path not in NOT_THE_ASKER:
            return f"{path}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]  # None ends the loop
    return "a line that is not ours"


@functools.cache  # every frame of every query asks, for the same few hundred files
def _ours(filename: str, *, root: Path) -> str:
    """Return a file's path in the project, and nothing where it is not of the project."""
    path = Path(filename)
    if not path.is_relative_to(root) or ".venv" in path.parts:
        return ""
    return path.relative_to(root).as_posix()


@models.CharField.register_lookup
class Begins(Lookup[str]):
    """`title_key__begins="bread"`: a prefix, letter by letter, by an index of the column.

    On PostgreSQL the index needs `opclasses=["varchar_pattern_ops"]`, which SQLite passes over;
    there `LIKE` could not use it, so a range does.
    """

    lookup_name = "begins"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, parameters = self.process_lhs(compiler, connection)
        return f"{column} LIKE %s", (
            *parameters,
            connection.ops.prep_for_like_query(self.rhs) + "%",
        )

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, parameters = self.process_lhs(compiler, connection)
        beyond = self.rhs + chr(sys.maxunicode)  # no letter comes after that one
        return f"({column} >= %s AND {column} < %s)", (
            *parameters,
            self.rhs,
            *parameters,
            beyond,
        )
