"""A task that can fail and the row of its failure; an API of one endpoint."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from weakref import WeakSet

import pytest
from celery import _state, current_app, shared_task
from django.urls import path
from pytest_django import Settings
from structlog.contextvars import clear_contextvars

from trellis import web
from trellis.models import FailedTask
from trellis.tasks import recording

NOW = datetime(2030, 1, 1, tzinfo=UTC)
Serve = Callable[..., Any]


@pytest.fixture(autouse=True)
def no_request_id_of_another_test() -> None:
    clear_contextvars()


@pytest.fixture(autouse=True)
def no_task_of_another_test(monkeypatch: pytest.MonkeyPatch) -> None:
    # Otherwise every Celery application that is created later has the tasks of this test, and one
    # that an earlier test left to the garbage collector gets them twice.
    monkeypatch.setattr(_state, "_on_app_finalizers", set(_state._on_app_finalizers))
    monkeypatch.setattr(_state, "_apps", WeakSet([current_app._get_current_object()]))


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


def fail(
    task: Any,
    *,
    task_id: str = "1",
    at: datetime = NOW,
    args: tuple[Any, ...] = (),
    kwargs: dict[str, Any] | None = None,
    published: bool = True,
) -> FailedTask:
    """Record a failure as a worker does, and return its row."""
    kwargs = {"what": "error"} if kwargs is None else kwargs
    row = recording.failed_task(task, task_id, args, kwargs, published=published)
    row.error, row.traceback = "ValueError('broken')", "Traceback: …"
    recording.save(row, at=at)
    return FailedTask.objects.get(task_id=task_id)


@pytest.fixture
def serve(settings: Settings) -> Serve:
    """`serve(endpoint, methods=("GET",))` serves it at `/api/x`, and returns the API."""

    def serve(
        endpoint: Callable[..., Any] | None = None,
        *,
        route: str = "x",
        methods: tuple[str, ...] = ("POST",),
        public_docs: bool = True,
        **operation: Any,
    ) -> Any:
        api = web.make_api(public_docs=public_docs)
        if endpoint:
            api.api_operation(list(methods), route, **operation)(endpoint)
        settings.ROOT_URLCONF = (path("api/", api.urls),)
        return api

    return serve
