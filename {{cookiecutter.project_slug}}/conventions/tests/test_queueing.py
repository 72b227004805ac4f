from collections.abc import Iterator
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

import pytest
from celery import current_app, shared_task, signals
from celery.contrib.django.task import DjangoTask
from django.db import transaction
from kombu.exceptions import OperationalError
from pytest_django import DjangoCaptureOnCommitCallbacks

from conventions import queueing
from conventions.models import FailedTask


@pytest.fixture
def task() -> Iterator[Any]:
    @shared_task(name="tests.fragile", queue="mail", max_retries=0)
    def fragile(*, what: str) -> None:
        if what == "memory":
            raise MemoryError
        if what == "error":
            raise ValueError("broken")

    yield current_app.tasks["tests.fragile"]
    del current_app.tasks["tests.fragile"]


class TestTask:
    def test_goes_to_the_queue_it_states(self, task: Any) -> None:
        assert queueing.route(task.name, (), {}, {}, task=task) == {"queue": "mail"}

    def test_refuses_a_countdown_that_a_broker_should_not_keep(self, task: Any) -> None:
        with pytest.raises(queueing.CountdownTooLong, match="Store a due date"):
            task.apply_async(kwargs={"what": ""}, countdown=31 * 60)

    def test_keeps_a_soft_limit_beneath_a_short_hard_one(self) -> None:
        @shared_task(name="tests.short", max_retries=0, time_limit=10)
        def short() -> None: ...

        assert current_app.tasks["tests.short"].soft_time_limit == 9
        del current_app.tasks["tests.short"]

    def test_survives_running_out_of_memory(self, task: Any) -> None:
        with pytest.raises(queueing.TaskOutOfMemory):
            task(what="memory")

    @pytest.mark.django_db
    def test_leaves_a_row_when_it_fails_for_good(self, task: Any, eager_tasks: None) -> None:
        task.delay(what="error")

        row = FailedTask.objects.get()
        assert (row.name, row.kwargs, row.state) == ("tests.fragile", {"what": "error"}, "failed")
        assert "broken" in row.error


@pytest.mark.django_db
class TestPublishingAfterCommit:
    def test_leaves_a_row_when_the_broker_is_away(
        self,
        task: Any,
        monkeypatch: pytest.MonkeyPatch,
        django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    ) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise OperationalError("no broker")

        monkeypatch.setattr(DjangoTask, "apply_async", refuse)
        later: list[str] = []
        uuid = UUID(int=7)  # an argument that Celery takes and plain JSON does not

        with django_capture_on_commit_callbacks(execute=True):
            task.delay_on_commit(what=uuid)
            transaction.on_commit(lambda: later.append("ran"))

        assert later == ["ran"]
        row = FailedTask.objects.get()
        assert (row.state, row.kwargs, row.attempts) == ("unpublished", {"what": str(uuid)}, 0)


@pytest.mark.django_db
class TestUnknownTasks:
    def test_leave_a_row(self) -> None:
        class Message:
            payload: ClassVar[tuple[Any, ...]] = ([], {"booking_id": 7}, {})

        signals.task_unknown.send(None, name="gone.task", id="1", message=Message(), exc=None)

        row = FailedTask.objects.get()
        assert (row.name, row.kwargs) == ("gone.task", {"booking_id": 7})


class TestSchedule:
    def test_is_made_of_what_tasks_declare(self, task: Any) -> None:
        task.schedule, task.expires = timedelta(minutes=5), 300

        schedule = queueing.beat_schedule(current_app)

        assert schedule["tests.fragile"] == {
            "task": "tests.fragile",
            "schedule": timedelta(minutes=5),
            "options": {"expires": 300},
        }

    def test_of_every_periodic_task_ends_before_the_next_run_is_stale(self) -> None:
        current_app.autodiscover_tasks(force=True)

        for entry in queueing.beat_schedule(current_app).values():
            assert entry["options"]["expires"], f"{entry['task']} needs expires="


class TestCatalogue:
    def test_has_an_owner_and_a_limit_for_every_task(self) -> None:
        cards = queueing.catalogue(current_app)

        assert all(card.owner and card.limit for card in cards)
