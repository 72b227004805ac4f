"""Recording the queries of a block of code, each with the line it came from."""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection

from trellis.reads import gate


@dataclass(frozen=True)
class Query:
    """A query, and the `path:line` of the project's code that it was for."""

    location: str
    sql: str
    parameters: Any


@contextlib.contextmanager
def record_queries() -> Iterator[list[Query]]:
    """Collect the queries of this block in a list."""
    queries: list[Query] = []

    def record(execute: Callable[..., Any], sql: str, parameters: Any, *args: Any) -> Any:
        queries.append(Query(location=gate.caller_location(), sql=sql, parameters=parameters))
        return execute(sql, parameters, *args)

    with connection.execute_wrapper(record):
        yield queries


def summary(queries: list[Query]) -> str:
    """Return the queries grouped by the line they came from, the most frequent first."""
    counts = Counter((query.location, query.sql[:160]) for query in queries)
    return "\n".join(f"  {n} x {location}: {sql}" for (location, sql), n in counts.most_common())
