"""Proofs that the number of queries does not grow with the number of rows."""

from collections.abc import Callable, Collection, Iterable
from typing import Any

from django.test import Client

from trellis.reads import rows
from trellis.testing import plans
from trellis.testing.recorder import Query, record_queries, summary

SIZES = (1, 10, 100)  # the numbers of rows that a selector is called with


def consume_all(result: Any) -> object:
    """Return all items of a result, as a loop over it would; a number or None as it is."""
    return list(result) if isinstance(result, Iterable) else result


def assert_constant_queries(
    read: Callable[..., Any],
    /,
    *,
    grow: Callable[[int], object],
    consume: Callable[[Any], object] = consume_all,
    may_scan: Collection[str] = (),
    **arguments: Any,
) -> None:
    """Prove that a selector takes the queries it declares, for 1, 10 and 100 rows.

    `grow(n)` adds n rows, `consume` does with the result what production does (a serializer, a
    template), `arguments` are the selector's own. Fails when the number of queries differs between
    the sizes or from the declared budget (one that is too large hides the next query), when `grow`
    inserts nothing, and when a query finds its rows without an index. List the tables that may be
    read completely in `may_scan`, with a comment that says why.
    """
    name = f"{read.__module__}.{read.__qualname__}"
    if name not in rows.budgets:
        raise TypeError(f"{name} is no selector. Pass the selector itself, then its arguments.")
    budget = rows.budgets[name]
    counts: dict[int, int] = {}
    scans: list[str] = []
    size_before = 0
    for size in SIZES:
        _grow(grow, size - size_before)
        size_before = size
        with record_queries() as queries:
            consume(read(**arguments))
        counts[size] = len(queries)
        if size == 10:
            scans = [scan for query in queries for scan in plans.scans(query, may_scan=may_scan)]
    assert len(set(counts.values())) == 1, _growth(name, counts, queries)
    assert len(queries) == budget, (
        f"{name}: {len(queries)} queries, and it declares {budget}:\n{summary(queries)}"
    )
    assert scans == [], (
        f"{name} finds rows without an index:\n  "
        + "\n  ".join(scans)
        + "\nAdd an index to the model, or list the table in may_scan=[…] and say why."
    )


def assert_constant_page(client: Client, *paths: str, grow: Callable[[int], object]) -> list[int]:
    """Prove that pages take the same number of queries for 1 row and for 100.

    `grow(n)` adds n rows; `client` gets each of `paths`. Returns their status codes.
    """
    _grow(grow, 1)
    counts = {}
    for path in paths:
        client.get(path)  # some queries are made only once, in a process or a session
        with record_queries() as queries:
            client.get(path)
        counts[path] = len(queries)
    _grow(grow, 99)
    statuses = []
    for path in paths:
        with record_queries() as queries:
            statuses.append(client.get(path).status_code)
        by_size = {1: counts[path], 100: len(queries)}
        assert by_size[1] == by_size[100], _growth(path, by_size, queries)
    return statuses


def _grow(grow: Callable[[int], object], number: int) -> None:
    with record_queries() as queries:
        grow(number)
    # If no row was added, any number of queries stays constant.
    assert any(query.sql.startswith("INSERT") for query in queries), (
        f"grow({number}) inserted nothing"
    )


def _growth(what: str, counts: dict[int, int], queries: list[Query]) -> str:
    return f"{what}: the number of queries grows with the rows {counts}:\n{summary(queries)}"
