"""Selectors, and rows that load nothing later.

A selector returns everything it promises. Its rows carry Django's `FETCH_RAISE`: reading a field or
a forward relation that was not loaded raises `FieldFetchBlocked` instead of running a query.
"""

import functools
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.db import models
from django.db.models import FETCH_PEERS, FETCH_RAISE

Read = TypeVar("Read", bound=Callable[..., Any])
Row = TypeVar("Row", bound=models.Model)


class Manager(models.Manager[Row]):
    """Fetches a relation that was not loaded once for all rows of a result, not once per row.

    The admin works with it, which it does not with `FETCH_RAISE`.
    """

    def get_queryset(self) -> models.QuerySet[Row]:
        return super().get_queryset().fetch_mode(FETCH_PEERS)


class Model(models.Model):
    """The base class of the project's models."""

    objects = Manager()

    class Meta:
        abstract = True


def promised(queryset: models.QuerySet[Row]) -> models.QuerySet[Row]:
    """Return `queryset` with rows that raise `FieldFetchBlocked` on what was not loaded."""
    return queryset.fetch_mode(FETCH_RAISE)


# The number of queries of each selector, by its dotted name: "apps.bookings.selectors.booking".
budgets: dict[str, int] = {}


def accept_result(read: Callable[..., Any], result: object) -> None:
    """Do nothing with what a selector returned."""


# In development and tests `trellis.checks.guards` replaces it by a check of the rows.
on_result: Callable[[Callable[..., Any], object], None] = accept_result


def selector(*, queries: int) -> Callable[[Read], Read]:
    """Declare how many queries a read takes at most, however many rows there are.

    `assert_constant_queries` in the tests holds the selector to that number.
    """

    def declare(read: Read) -> Read:
        budgets[f"{read.__module__}.{read.__qualname__}"] = queries
        if settings.PRODUCTION:
            return read

        @functools.wraps(read)
        def checked(*args: Any, **kwargs: Any) -> Any:
            result = read(*args, **kwargs)
            on_result(read, result)
            return result

        return checked  # type: ignore[return-value]

    return declare


def within_days(column: str, *, first: date, last: date) -> models.Q:
    """Return the condition that a time is on a day from `first` to `last` (days in UTC).

    An index on the column serves it, which is not so for `column__date`.
    """
    begin, end = (datetime.combine(day, time.min, UTC) for day in (first, last + timedelta(days=1)))
    return models.Q(**{f"{column}__gte": begin, f"{column}__lt": end})
