import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import structlog
from celery import Celery, current_app, shared_task, signals
from celery.contrib.django.task import DjangoTask
from celery.exceptions import WorkerLostError
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError
from pytest_django import DjangoCaptureOnCommitCallbacks
from structlog.contextvars import (
    bound_contextvars,
    merge_contextvars,
)
from structlog.testing import LogCapture

from trellis import ownership
from trellis import tasks
from trellis.tasks import scheduled
from trellis.models import FailedTask, LastRun
from trellis.tasks import base, recording, runs


class TestTask:
    def test_goes_to_the_queue_it_states(self, task: Any) -> None:
        assert scheduled.route(task.name, (), {}, {}, task=task) == {"queue": "mail"}

    def test_refuses_a_countdown_that_a_broker_should_not_keep(self, task: Any) -> None:
        with pytest.raises(scheduled.CountdownTooLong, match="Store a due date"):
            task.apply_async(kwargs={"what": ""}, countdown=31 * 60)

    def test_refuses_a_retry_that_a_broker_should_not_keep(self, task: Any) -> None:
        for wait in (
            {"countdown": 31 * 60},
            {"eta": timezone.now() + timedelta(minutes=31)},
        ):
            task.push_request(id="1", retries=0, called_directly=False, is_eager=True)
            try:
                with pytest.raises(scheduled.CountdownTooLong, match="Store a due date"):
                    task.retry(**wait)
            finally:
                task.pop_request()

    def test_refuses_a_retry_even_where_it_is_published_by_celery_itself(self, task: Any) -> None:
        with pytest.raises(scheduled.CountdownTooLong):
            task.apply_async(kwargs={"what": ""}, countdown=31 * 60, retries=1)

    @pytest.mark.parametrize("word", ["default_retry_delay", "retry_backoff_max"])
    def test_refuses_to_declare_waits_that_a_broker_should_not_keep(self, word: str) -> None:
        def patient() -> None: ...

        with pytest.raises(scheduled.CountdownTooLong, match=f"tests.patient: {word} is 1801 s"):
            current_app.task(patient, name="tests.patient", lazy=False, **{word: 1801})

        current_app.tasks.pop("tests.patient", None)

    def test_keeps_a_soft_limit_beneath_a_short_hard_one(self) -> None:
        @shared_task(name="tests.short", max_retries=0, time_limit=10)
        def short() -> None: ...

        assert current_app.tasks["tests.short"].soft_time_limit == 9
        del current_app.tasks["tests.short"]

    def test_survives_running_out_of_memory(self, task: Any) -> None:
        with pytest.raises(scheduled.TaskOutOfMemory):
            task(what="memory")

    def test_is_acknowledged_late_and_redelivered(self, task: Any) -> None:
        assert task.acks_late
        assert task.reject_on_worker_lost
        assert current_app.conf.task_retry_on_worker_lost


class Lines(LogCapture):
    """The log lines of a test."""

    def of(self, event: str) -> list[Any]:
        return [line for line in self.entries if line["event"] == event]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    """What tasks log."""
    lines = Lines()
    logger = structlog.wrap_logger(None, processors=[merge_contextvars, lines])
    for module in (base, recording):
        monkeypatch.setattr(module, "logger", logger)
    return lines


@pytest.fixture
def stubborn() -> Iterator[Any]:
    """A task that never succeeds."""

    @shared_task(
        name="tests.stubborn",
        autoretry_for=(ConnectionError,),
        retry_backoff=10,
        max_retries=3,
    )
    def stubborn() -> None:
        raise ConnectionError("nobody there")

    yield current_app.tasks["tests.stubborn"]
    del current_app.tasks["tests.stubborn"]


@pytest.mark.django_db
class TestLines:
    def test_tell_a_success_with_owner_and_ids(self, task: Any, lines: Lines) -> None:
        with bound_contextvars(request_id="of-the-request"):
            task.apply(kwargs={"what": ""}, task_id="1")

        assert [line["event"] for line in lines.entries] == ["task_started", "task_succeeded"]
        for line in lines.entries:
            assert (line["task"], line["request_id"]) == ("tests.fragile", "of-the-request")
            assert line["owner"] == ownership.team_of_the_house()

    def test_tell_each_retry_and_the_end(
        self, stubborn: Any, lines: Lines, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("random.randrange", lambda end: 0 if end == 11 else end - 1)  # jitter

        stubborn.apply(throw=False)

        retries = [
            (line["attempt"], line["of"], line["next_in"], line["error"])
            for line in lines.of("task_retried")
        ]
        why = "ConnectionError('nobody there')"
        assert retries == [(1, 4, 0, why), (2, 4, 20, why), (3, 4, 40, why)]
        (failed,) = lines.of("task_failed")
        assert (failed["log_level"], failed["error"]) == ("error", why)
        assert FailedTask.objects.get().attempts == 4


@pytest.mark.django_db
class TestPublishingAfterCommit:
    def test_leaves_a_row_where_the_broker_is_dead(
        self,
        monkeypatch: pytest.MonkeyPatch,
        django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    ) -> None:
        with socket.socket() as nobody:  # bound, and not listened to
            nobody.bind(("127.0.0.1", 0))
            monkeypatch.setenv("CELERY_BROKER_URL", f"redis://127.0.0.1:{nobody.getsockname()[1]}")
            app = Celery("dead", task_cls=scheduled.Task, set_as_current=False)
            app.config_from_object("django.conf:settings", namespace="CELERY")

            @app.task(name="tests.lost")
            def lost(*, what: UUID) -> None: ...

            later: list[str] = []
            with (
                bound_contextvars(request_id="of-the-request"),
                django_capture_on_commit_callbacks(execute=True),
            ):
                lost.delay_on_commit(what=UUID(int=7))
                transaction.on_commit(lambda: later.append("ran"))

        assert later == ["ran"]
        row = FailedTask.objects.get()
        assert (row.kind, row.state, row.attempts) == ("unpublished", "open", 0)
        assert (row.kwargs, row.request_id) == ({"what": UUID(int=7)}, "of-the-request")

    def test_is_made_up_for_when_the_broker_is_back(
        self,
        task: Any,
        eager_tasks: None,
        monkeypatch: pytest.MonkeyPatch,
        django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    ) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise OperationalError("no broker")

        with monkeypatch.context() as patch, django_capture_on_commit_callbacks(execute=True):
            patch.setattr(DjangoTask, "apply_async", refuse)
            task.delay_on_commit(what="")
            transaction.on_commit(scheduled.republish_unpublished.run)  # still away
        assert FailedTask.objects.get().state == "open"
        ran: list[str] = []
        monkeypatch.setattr(task, "run", lambda *, what: ran.append(what))

        scheduled.republish_unpublished.apply()

        assert ran == [""]
        assert FailedTask.objects.get().state == "replayed"

    def test_does_not_happen_when_the_transaction_is_rolled_back(
        self, task: Any, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        def roll_back() -> None:
            with transaction.atomic():
                task.delay_on_commit(what="")
                raise ZeroDivisionError

        with django_capture_on_commit_callbacks() as waiting, pytest.raises(ZeroDivisionError):
            roll_back()

        assert waiting == []


@pytest.fixture
def periodic() -> Iterator[Any]:
    """A scheduled task, and in `ran` the ids of its runs."""

    @shared_task(
        name="tests.periodic",
        bind=True,
        schedule=timedelta(minutes=1),
        expires=60,
        max_retries=0,
        time_limit=60,
    )
    def periodic(self: Any) -> None:
        self.ran.append(self.request.id)
        if self.during:
            self.during()

    task = current_app.tasks["tests.periodic"]
    task.ran, task.during = [], None
    yield task
    del current_app.tasks["tests.periodic"]


@pytest.mark.django_db
class TestScheduledRuns:
    def test_note_their_success_and_leave_no_lease(self, periodic: Any) -> None:
        periodic.apply(task_id="1")
        periodic.apply(task_id="2")

        row = LastRun.objects.get()
        assert periodic.ran == ["1", "2"]
        assert row.succeeded_at is not None
        assert (row.leased_to, row.leased_until) == ("", None)

    def test_do_not_overlap(self, periodic: Any, lines: Lines) -> None:
        periodic.during = lambda: periodic.apply(task_id="2") if periodic.ran == ["1"] else None

        periodic.apply(task_id="1")

        assert periodic.ran == ["1"]
        (skipped,) = lines.of("task_skipped")
        assert skipped["held_by"] == "1"
        assert len(lines.of("task_succeeded")) == 1

    def test_that_fail_give_the_lease_back_and_are_no_success(self, periodic: Any) -> None:
        periodic.during = lambda: 1 / 0

        periodic.apply(task_id="1", throw=False)

        row = LastRun.objects.get()
        assert (row.succeeded_at, row.leased_until) == (None, None)
        assert FailedTask.objects.get().name == "tests.periodic"

    def test_that_are_lost_for_good_with_their_process_give_the_lease_back(
        self, periodic: Any
    ) -> None:
        runs.take_lease(name=periodic.name, task_id="1", at=timezone.now(), time_limit=60)

        lost = WorkerLostError("killed")
        signals.task_failure.send(periodic, task_id="1", exception=lost, args=[], kwargs={})
        periodic.apply(task_id="2")

        assert periodic.ran == ["2"]

    def test_take_over_from_one_that_died_when_its_lease_is_over(self, periodic: Any) -> None:
        died_at = timezone.now() - timedelta(seconds=71)
        runs.take_lease(name=periodic.name, task_id="dead", at=died_at, time_limit=60)

        periodic.apply(task_id="2")

        assert periodic.ran == ["2"]

    def test_that_come_again_after_their_worker_died_wait_for_its_lease(
        self, periodic: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        runs.take_lease(name=periodic.name, task_id="1", at=timezone.now(), time_limit=60)
        waiting: list[dict[str, Any]] = []
        monkeypatch.setattr(DjangoTask, "apply_async", lambda *_, **given: waiting.append(given))

        periodic.apply(task_id="1", retries=2)

        (again,) = waiting
        assert periodic.ran == []
        assert again["task_id"] == "1"
        assert again["retries"] == 2  # so that one that kills its worker gives up in the end
        assert 60 < again["countdown"] <= 70


@pytest.mark.django_db
class TestSuccessesOnDemand:
    def test_are_noted_once_a_minute(self, task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        noted: list[str] = []
        monkeypatch.setattr(runs, "note_success", lambda *, name, at: noted.append(name))

        for _ in range(3):
            task.apply(kwargs={"what": ""})
        assert noted == ["tests.fragile"]

        task.noted_at -= base.NOTED_EVERY
        task.apply(kwargs={"what": ""})
        assert noted == ["tests.fragile"] * 2

    def test_are_not_undone_by_a_database_that_is_away(
        self, task: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(**_: object) -> None:
            raise OSError("no database")

        monkeypatch.setattr(runs, "note_success", refuse)

        assert task.apply(kwargs={"what": ""}).state == "SUCCESS"


class TestSchedule:
    def test_is_made_of_what_tasks_declare(self, task: Any) -> None:
        task.schedule, task.expires = timedelta(minutes=5), 300

        schedule = scheduled.beat_schedule(current_app)

        assert schedule["tests.fragile"] == {
            "task": "tests.fragile",
            "schedule": timedelta(minutes=5),
            "options": {"expires": 300},
        }

    def test_of_every_periodic_task_ends_before_the_next_run_is_stale(self) -> None:
        current_app.autodiscover_tasks(force=True)

        for entry in scheduled.beat_schedule(current_app).values():
            assert entry["options"]["expires"], f"{entry['task']} needs expires="
