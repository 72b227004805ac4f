"""Test fixtures of the conventions, loaded by conftest.py as a pytest plugin."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import pytest
from celery import current_app
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conventions import querying


class ConstantQueries(Protocol):
    """See `assert_constant_queries`."""

    def __call__(
        self,
        read: Callable[..., Any],
        *,
        grow: Callable[[int], object],
        consume: Callable[[Any], object] = ...,
        sizes: tuple[int, ...] = ...,
        **arguments: Any,
    ) -> None: ...


@pytest.fixture
def assert_constant_queries(db: None) -> ConstantQueries:
    """Show that a selector takes the same number of queries however many rows there are.

    `grow(n)` makes the data n rows large, `consume` does with the result what production does
    (a serializer, a template), `arguments` are the selector's own. Fails when the counts differ
    between sizes, or are not the budget the selector declares: one that is too large hides the
    next query, too.
    """

    def check(
        read: Callable[..., Any],
        *,
        grow: Callable[[int], object],
        consume: Callable[[Any], object] = list,
        sizes: tuple[int, ...] = (1, 10, 100),
        **arguments: Any,
    ) -> None:
        name = f"{read.__module__}.{read.__qualname__}"
        budget = querying.selectors[name].queries
        counted: dict[int, list[str]] = {}
        have = 0
        for size in sizes:
            grow(size - have)
            have = size
            with CaptureQueriesContext(connection) as captured:
                consume(read(**arguments))
            counted[size] = [query["sql"] for query in captured.captured_queries]
        worst = max(counted.values(), key=len)
        statements = "\n  ".join(worst)
        counts = {size: len(queries) for size, queries in counted.items()}
        assert len(set(counts.values())) == 1, f"{name}: queries grow {counts}:\n  {statements}"
        assert len(worst) == budget, f"{name}: {len(worst)} queries of {budget}:\n  {statements}"

    return check


@pytest.fixture
def eager_tasks() -> Iterator[None]:
    """Run tasks in this process when they are published (for unit tests only)."""
    before = current_app.conf.task_always_eager
    current_app.conf.task_always_eager = True
    yield
    current_app.conf.task_always_eager = before
