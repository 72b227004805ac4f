"""A task to break, for the tests of what all tasks share."""

from collections.abc import Iterator
from typing import Any

import pytest
from celery import current_app, shared_task
from structlog.contextvars import clear_contextvars


@pytest.fixture(autouse=True)
def no_ids_left_by_other_tests() -> None:
    clear_contextvars()


@pytest.fixture
def task() -> Iterator[Any]:
    @shared_task(name="tests.fragile", queue="mail", max_retries=0)
    def fragile(*, what: object, password: str = "") -> None:
        if what == "memory":
            raise MemoryError
        if what == "error":
            raise ValueError(f"broken, with {password}")

    yield current_app.tasks["tests.fragile"]
    del current_app.tasks["tests.fragile"]
