import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import structlog
from celery import Celery, current_app, shared_task, signals
from celery.app.trace import build_tracer
from celery.contrib.django.task import DjangoTask
from celery.exceptions import WorkerLostError
from django.contrib.auth import get_user_model
from django.db import InterfaceError, transaction
from django.db import OperationalError as DatabaseError
from django.utils import timezone
from kombu.exceptions import OperationalError
from pytest_django import DjangoCaptureOnCommitCallbacks
from structlog.contextvars import bound_contextvars, merge_contextvars
from structlog.testing import LogCapture

from trellis import ownership
from trellis.models import FailedTask, LastRun
from trellis.tasks import base, claims, once, recording, runs, scheduled


class TestTask:
    def test_keeps_a_soft_limit_below_a_short_hard_one(self) -> None:
        @shared_task(name="tests.short", max_retries=0, time_limit=10)
        def short() -> None: ...

        assert current_app.tasks["tests.short"].soft_time_limit == 9
        del current_app.tasks["tests.short"]

    def test_fails_when_it_runs_out_of_memory_and_does_not_end_the_worker(self, task: Any) -> None:
        with pytest.raises(base.TaskOutOfMemory):
            task(what="memory")


class TestLongWaits:
    """A broker is no calendar: no message waits for longer than 30 minutes."""

    def test_are_refused_for_a_countdown(self, task: Any) -> None:
        for publish in (task.apply_async, task.apply_async_on_commit):
            with pytest.raises(base.CountdownTooLong, match="Store a due date"):
                publish(kwargs={"what": ""}, countdown=31 * 60)

    def test_are_refused_for_a_countdown_that_is_no_number(self, task: Any) -> None:
        with pytest.raises(base.CountdownTooLong):
            task.apply_async_on_commit(kwargs={"what": ""}, countdown=float("nan"))

    @pytest.mark.parametrize("wait", ["countdown", "eta"])
    def test_are_refused_for_a_retry(self, task: Any, wait: str) -> None:
        eta = timezone.now() + timedelta(minutes=31)
        task.push_request(id="1", retries=0, called_directly=False, is_eager=True)
        try:
            with pytest.raises(base.CountdownTooLong, match="Store a due date"):
                task.retry(**({"countdown": 31 * 60} if wait == "countdown" else {"eta": eta}))
        finally:
            task.pop_request()

    @pytest.mark.parametrize("option", ["default_retry_delay", "retry_backoff_max"])
    def test_are_refused_in_a_declaration(self, option: str) -> None:
        def patient() -> None: ...

        with pytest.raises(base.CountdownTooLong, match=f"tests.patient: {option} is 1801 s"):
            current_app.task(patient, name="tests.patient", lazy=False, **{option: 1801})

        current_app.tasks.pop("tests.patient", None)


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
def hopeless() -> Iterator[Any]:
    """A task that never succeeds."""

    @shared_task(
        name="tests.hopeless",
        autoretry_for=(ConnectionError,),
        retry_backoff=10,
        max_retries=3,
    )
    def hopeless() -> None:
        raise ConnectionError("no answer")

    yield current_app.tasks["tests.hopeless"]
    del current_app.tasks["tests.hopeless"]


@pytest.mark.django_db
class TestLogLines:
    def test_name_the_task_its_owner_and_the_request(self, task: Any, lines: Lines) -> None:
        with bound_contextvars(request_id="of-the-request"):
            task.apply(kwargs={"what": ""}, task_id="1")

        assert [line["event"] for line in lines.entries] == ["task_started", "task_succeeded"]
        for line in lines.entries:
            assert (line["task"], line["request_id"]) == ("tests.fragile", "of-the-request")
            assert line["owner"] == ownership.default_team()

    def test_show_each_retry_and_the_final_failure(
        self, hopeless: Any, lines: Lines, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("random.randrange", lambda end: 0 if end == 11 else end - 1)  # jitter

        hopeless.apply(throw=False)

        error = "ConnectionError('no answer')"
        assert [
            (line["attempt"], line["of"], line["next_in"], line["error"])
            for line in lines.of("task_retried")
        ] == [(1, 4, 0, error), (2, 4, 20, error), (3, 4, 40, error)]
        (failed,) = lines.of("task_failed")
        assert (failed["log_level"], failed["error"]) == ("error", error)
        assert FailedTask.objects.get().attempts == 4


@pytest.mark.django_db
class TestPublishingAfterCommit:
    def test_leaves_a_row_when_nothing_listens_where_the_broker_should_be(
        self, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        with socket.socket() as deaf:  # bound, and not listening
            deaf.bind(("127.0.0.1", 0))
            app = Celery("dead", task_cls=base.Task, set_as_current=False)
            app.conf.broker_url = f"redis://127.0.0.1:{deaf.getsockname()[1]}"
            app.conf.task_publish_retry_policy = {"max_retries": 1, "interval_max": 0.1}

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

    @pytest.mark.parametrize(
        ("kwargs", "message"),
        [
            ({}, "tests.fragile cannot be sent .*: missing a required .* 'what'"),
            ({"what": "", "who": 7}, "unexpected keyword argument 'who'"),
            ({"what": object()}, "object is not JSON serializable. Pass what it takes, as ids"),
            ({"what": [get_user_model()()]}, "User is not JSON serializable"),
        ],
    )
    def test_refuses_wrong_arguments_before_the_commit(
        self,
        task: Any,
        django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
        kwargs: dict[str, object],
        message: str,
    ) -> None:
        with (
            django_capture_on_commit_callbacks() as waiting,
            pytest.raises(TypeError, match=message),
        ):
            task.delay_on_commit(**kwargs)

        assert waiting == []

    @pytest.mark.parametrize(
        "options",
        [
            *({"headers": {"user": get_user_model()()}}, {"link": get_user_model()()}),
            *({"expires": object()}, {"serializer": "nope"}),
        ],
    )
    def test_refuses_wrong_options_before_the_commit(
        self,
        task: Any,
        django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
        options: dict[str, object],
    ) -> None:
        with (
            django_capture_on_commit_callbacks() as waiting,
            pytest.raises(TypeError, match="cannot be sent"),
        ):
            task.apply_async_on_commit(kwargs={"what": ""}, **options)

        assert waiting == []

    def test_takes_the_options_of_celery(
        self,
        task: Any,
        published: list[dict[str, Any]],
        django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    ) -> None:
        options = {"eta": timezone.now(), "expires": timezone.now(), "link": task.si(what="")}

        with django_capture_on_commit_callbacks(execute=True):
            task.apply_async_on_commit(kwargs={"what": ""}, **options)

        (message,) = published
        assert options.items() <= message.items()


def deliver(task: Any, *, task_id: str, retries: int = 0, **kwargs: object) -> str:
    """Run a task as a worker's child does when a message arrives. Return the task's state."""
    request = {
        "id": task_id,
        "retries": retries,
        "expires": "2099-01-01T00:00:00+00:00",
        "timelimit": [None, None],
        "delivery_info": {"exchange": "", "routing_key": "of-this-message"},
    }
    _, info, _, _ = build_tracer(task.name, task, app=current_app)(task_id, (), kwargs, request)
    return str(info.state) if info else "SUCCESS"


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The options of each message that reaches the broker."""
    messages: list[dict[str, Any]] = []

    def publish(task: Any, args: Any, kwargs: Any, **options: Any) -> None:
        messages.append(options | {"kwargs": kwargs})

    monkeypatch.setattr(DjangoTask, "apply_async", publish)
    return messages


@pytest.fixture
def send_mail() -> Iterator[Any]:
    """A task that does its work once, and would retry after any error but never may."""

    @shared_task(name="tests.send_mail", autoretry_for=(Exception,), max_retries=0, time_limit=60)
    def send_mail(*, booking_id: int) -> None:
        with once("tests.mail", booking_id, at=timezone.now()) as claim:
            task.worked += claim.is_new

    task = current_app.tasks["tests.send_mail"]
    task.worked = 0
    yield task
    del current_app.tasks["tests.send_mail"]


@pytest.mark.django_db
class TestInProgress:
    def test_is_retried_when_the_claim_ends_and_costs_no_retry(
        self, send_mail: Any, published: list[dict[str, Any]], lines: Lines
    ) -> None:
        with once("tests.mail", 7, at=timezone.now()):
            assert deliver(send_mail, task_id="1", retries=2, booking_id=7) == "RETRY"

        (message,) = published
        assert 600 < message["countdown"] <= 610  # the end of the claim that a non-task holds
        assert (message["task_id"], message["retries"]) == ("1", 2)
        assert (message["kwargs"], message["queue"]) == ({"booking_id": 7}, "of-this-message")
        assert message["expires"].startswith("2099")
        assert not FailedTask.objects.exists()
        (retried,) = lines.of("task_retried")
        assert "InProgress" in retried["error"]

    def test_is_over_when_the_claim_was_released(self, send_mail: Any) -> None:
        with pytest.raises(ZeroDivisionError), once("tests.mail", 7, at=timezone.now()):
            raise ZeroDivisionError

        for _ in range(2):
            assert deliver(send_mail, task_id="1", booking_id=7) == "SUCCESS"

        assert send_mail.worked == 1

    def test_is_unpublished_when_the_broker_is_away(
        self, send_mail: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise OperationalError("no broker")

        monkeypatch.setattr(DjangoTask, "apply_async", refuse)

        with once("tests.mail", 7, at=timezone.now()):
            state = deliver(send_mail, task_id="1", booking_id=7)

        assert state == "REJECTED"  # of which Celery makes a failure, and recording.py a row

    def test_does_not_wait_where_tasks_run_eagerly(self, send_mail: Any) -> None:
        with once("tests.mail", 7, at=timezone.now()):
            assert send_mail.apply(kwargs={"booking_id": 7}).state == "RETRY"

        assert not FailedTask.objects.exists()

    def test_is_raised_where_a_task_is_called_like_a_function(self, send_mail: Any) -> None:
        with once("tests.mail", 7, at=timezone.now()), pytest.raises(claims.InProgress):
            send_mail(booking_id=7)


@pytest.fixture
def blocked() -> Iterator[Any]:
    """A task that raises its `error`; it has two retries."""

    @shared_task(name="tests.blocked", max_retries=2, time_limit=60)
    def blocked() -> None:
        raise task.error

    task = current_app.tasks["tests.blocked"]
    task.error = DatabaseError("canceling statement due to lock timeout")
    yield task
    del current_app.tasks["tests.blocked"]


@pytest.mark.django_db
class TestErrorOfTheDatabase:
    @pytest.mark.parametrize("kind", [DatabaseError, InterfaceError])
    def test_uses_up_a_retry(
        self, kind: type[Exception], blocked: Any, published: list[dict[str, Any]]
    ) -> None:
        blocked.error = kind("the connection is closed")

        assert deliver(blocked, task_id="1", retries=1) == "RETRY"

        (message,) = published
        assert (message["countdown"], message["retries"]) == (10, 2)
        assert not FailedTask.objects.exists()

    def test_fails_a_task_that_has_no_retry_left(
        self, blocked: Any, published: list[dict[str, Any]]
    ) -> None:
        assert deliver(blocked, task_id="1", retries=2) == "FAILURE"

        assert published == []
        assert "lock timeout" in FailedTask.objects.get().error

    def test_is_raised_where_a_task_is_called_like_a_function(self, blocked: Any) -> None:
        with pytest.raises(DatabaseError):
            blocked()


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
        for task_id in ("1", "2"):
            periodic.apply(task_id=task_id)

            assert LastRun.objects.get().succeeded_at
            LastRun.objects.all().delete()
        assert periodic.ran == ["1", "2"]

    def test_do_not_overlap(self, periodic: Any, lines: Lines) -> None:
        periodic.during = lambda: periodic.apply(task_id="2") if periodic.ran == ["1"] else None

        periodic.apply(task_id="1")

        assert periodic.ran == ["1"]
        (skipped,) = lines.of("task_skipped")
        assert skipped["held_by"] == "1"
        assert len(lines.of("task_succeeded")) == 1

    def test_release_the_lease_when_they_fail(self, periodic: Any) -> None:
        periodic.during = lambda: 1 / 0

        periodic.apply(task_id="1", throw=False)
        periodic.during = None
        assert (periodic.apply(task_id="2").state, periodic.ran) == ("SUCCESS", ["1", "2"])

        assert FailedTask.objects.get().task_id == "1"

    def test_release_the_lease_when_they_are_lost_for_good_with_their_process(
        self, periodic: Any
    ) -> None:
        hold_lease(periodic, task_id="1")

        lost = WorkerLostError("killed")
        signals.task_failure.send(periodic, task_id="1", exception=lost, args=[], kwargs={})
        periodic.apply(task_id="2")

        assert periodic.ran == ["2"]

    def test_take_over_when_the_lease_of_a_dead_run_ends(self, periodic: Any) -> None:
        hold_lease(periodic, task_id="dead", seconds_ago=71 + 540)  # (600 s: held by no task)

        periodic.apply(task_id="2")

        assert periodic.ran == ["2"]

    def test_wait_for_the_lease_when_they_come_again_because_their_worker_died(
        self, periodic: Any, published: list[dict[str, Any]]
    ) -> None:
        hold_lease(periodic, task_id="1", seconds_ago=540)

        assert deliver(periodic, task_id="1", retries=2) == "RETRY"

        (again,) = published
        assert periodic.ran == []
        assert again["task_id"] == "1"
        assert again["retries"] == 2  # so that one that kills its worker gives up in the end
        assert 60 < again["countdown"] <= 70


def hold_lease(task: Any, *, task_id: str, seconds_ago: float = 0) -> None:
    at = timezone.now() - timedelta(seconds=seconds_ago)
    claims.take(name=task.name, key=claims.LEASE, holder=task_id, at=at)


@pytest.mark.django_db
class TestSuccessesOnDemand:
    def test_are_noted_once_a_minute(self, task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        noted: list[str] = []
        monkeypatch.setattr(runs, "note_success", lambda *, name, at: noted.append(name))

        for _ in range(3):
            task.apply(kwargs={"what": ""})
        assert noted == ["tests.fragile"]

        task.success_noted_at -= base.NOTE_SUCCESS_EVERY
        task.apply(kwargs={"what": ""})
        assert noted == ["tests.fragile"] * 2

    def test_stay_successes_when_the_database_is_away(
        self, task: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(**_: object) -> None:
            raise OSError("no database")

        monkeypatch.setattr(runs, "note_success", refuse)

        assert task.apply(kwargs={"what": ""}).state == "SUCCESS"
