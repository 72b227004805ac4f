from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import structlog
from celery import current_app, signals
from celery.contrib.django.task import DjangoTask
from celery.exceptions import Reject, TimeLimitExceeded
from django.db import OperationalError as DatabaseError
from kombu import Message
from kombu.exceptions import OperationalError
from structlog.contextvars import bound_contextvars
from structlog.testing import LogCapture

from tests.library.conftest import NOW, fail
from tests.library.tasks.test_base import deliver
from trellis import ownership
from trellis.models import REDACTED, FailedTask
from trellis.tasks import recording


@pytest.mark.django_db
class TestRecord:
    def test_keeps_what_is_needed_to_run_the_task_again_and_its_owner(self, task: Any) -> None:
        with bound_contextvars(request_id="of-the-request"):
            row = fail(task)

        assert (row.name, row.owner) == ("tests.fragile", ownership.default_team())
        assert (row.kwargs, row.attempts) == ({"what": "error"}, 1)
        assert row.request_id == "of-the-request"
        assert (row.state, row.kind, row.first_failed_at) == ("open", "failed", NOW)
        assert (row.error, row.traceback) == ("ValueError('broken')", "Traceback: …")

    def test_gives_arguments_back_as_the_broker_does(self, task: Any) -> None:
        what = {"id": UUID(int=7), "at": NOW}

        assert fail(task, kwargs={"what": what}).kwargs == {"what": what}

    def test_is_one_row_for_each_task_id(self, task: Any) -> None:
        fail(task)
        row = fail(task, at=NOW + timedelta(minutes=1))

        assert (row.first_failed_at, row.last_failed_at) == (NOW, NOW + timedelta(minutes=1))

    @pytest.mark.parametrize("text", ["\0", "\ud800", "x" * 1000])
    def test_cuts_each_text_to_what_its_column_holds(
        self, task: Any, text: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ownership, "team_of_module", lambda *, module: text)
        monkeypatch.setattr(task, "name", text)
        with bound_contextvars(request_id=text):
            row = recording.failed_task(task, text, (), {})
        row.error = row.traceback = text

        recording.save(row, at=NOW)

        FailedTask.objects.get().full_clean(exclude=["args", "kwargs"])  # they are blank

    def test_raises_no_error_of_the_database(
        self, task: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise OSError("no database either")

        monkeypatch.setattr(recording, "save", refuse)

        recording.record_unpublished(task, "1", (), {}, error=ValueError())
        recording.record_failure(task, "1", exception=ValueError(), kwargs={})

        assert not FailedTask.objects.exists()


@pytest.mark.django_db
class TestFailureThatCannotBeRecorded:
    @pytest.fixture(autouse=True)
    def full(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise DatabaseError("No space left on device")

        monkeypatch.setattr(recording, "save", refuse)

    @pytest.fixture
    def published(self, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = []

        def publish(task: Any, args: Any, kwargs: Any, **options: Any) -> None:
            messages.append(options | {"kwargs": kwargs})

        monkeypatch.setattr(DjangoTask, "apply_async", publish)
        return messages

    def test_is_none_yet_the_message_is_published_again(
        self, task: Any, published: list[dict[str, Any]]
    ) -> None:
        assert deliver(task, task_id="1", retries=3, what="error") == "FAILURE"

        (message,) = published
        assert (message["task_id"], message["retries"], message["countdown"]) == ("1", 3, 10)
        assert message["kwargs"] == {"what": "error"}

    def test_is_left_to_the_next_run_of_a_scheduled_task(
        self, task: Any, published: list[dict[str, Any]]
    ) -> None:
        task.schedule = timedelta(minutes=1)

        deliver(task, task_id="1", what="error")

        assert published == []

    def test_is_logged_if_the_broker_is_away_too(
        self, task: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise OperationalError("no broker")

        lines = LogCapture()
        monkeypatch.setattr(DjangoTask, "apply_async", refuse)
        monkeypatch.setattr(recording, "logger", structlog.wrap_logger(None, processors=[lines]))

        deliver(task, task_id="1", what="error")

        assert lines.entries[-1]["event"] == "task_not_tried_again"


@pytest.mark.django_db
class TestFailureOfAScheduledTask:
    @pytest.fixture(autouse=True)
    def scheduled(self, task: Any) -> None:
        task.schedule = timedelta(minutes=1)

    def test_is_one_row_however_often_it_fails(self, task: Any) -> None:
        for number in range(3):
            fail(task, task_id=str(number), at=NOW + timedelta(minutes=number))
        fail(task, task_id="2")  # Celery reports a hard time limit twice

        row = FailedTask.objects.get()
        assert (row.attempts, row.first_failed_at) == (3, NOW)

    def test_opens_its_own_row_again_when_a_replay_fails(self, task: Any) -> None:
        row = fail(task, task_id="replayed")
        FailedTask.objects.update(state=FailedTask.State.REPLAYED)
        fail(task, task_id="next")

        fail(task, task_id="replayed", at=NOW + timedelta(minutes=1))

        row.refresh_from_db()
        assert (row.state, row.last_failed_at) == ("open", NOW + timedelta(minutes=1))
        assert FailedTask.objects.get(task_id="next").state == "open"


@pytest.mark.django_db
class TestRedacted:
    @pytest.mark.parametrize(
        "name",
        [
            *("password", "api_key", "AUTHORIZATION", "access_token", "client-secret"),
            *("accessToken", "apiKey", "passWord"),
        ],
    )
    def test_hides_what_is_secret_by_its_name_at_any_depth(self, task: Any, name: str) -> None:
        row = fail(task, kwargs={"what": [{name: ["hunter2"], "monkey": "banana"}]})

        assert row.kwargs == {"what": [{name: REDACTED, "monkey": "banana"}]}

    def test_hides_a_secret_that_was_given_by_position(self) -> None:
        @current_app.task(name="tests.positional")
        def positional(user: int, password: str) -> None: ...

        try:
            row = fail(current_app.tasks["tests.positional"], args=(7, "hunter2"), kwargs={})
        finally:
            del current_app.tasks["tests.positional"]

        assert row.args == [7, REDACTED]

    @pytest.mark.parametrize("what", ["\0", b"\0", float("nan"), "\ud800", object(), {1}])
    def test_replaces_what_the_database_cannot_hold(self, task: Any, what: object) -> None:
        assert fail(task, kwargs={"what": [what, 7]}).kwargs == {"what": [REDACTED, 7]}


@pytest.mark.django_db
class TestFailureSignal:
    def test_leaves_a_row(self, task: Any, eager_tasks: None) -> None:
        task.delay(what="error")

        row = FailedTask.objects.get()
        assert (row.kind, row.attempts) == ("failed", 1)
        assert "broken" in row.traceback

    def test_leaves_one_row_when_it_comes_twice(self, task: Any) -> None:
        for _ in range(2):
            signals.task_failure.send(
                task, task_id="1", exception=TimeLimitExceeded(60), args=[], kwargs={"what": ""}
            )

        assert FailedTask.objects.get().error == "TimeLimitExceeded(60)"

    def test_leaves_a_row_to_publish_when_the_broker_did_not_take_a_retry(self, task: Any) -> None:
        refused = Reject(OperationalError("no broker"), requeue=False)

        signals.task_failure.send(
            task, task_id="1", exception=refused, args=[], kwargs={"what": ""}
        )

        assert FailedTask.objects.get().kind == "unpublished"


@pytest.mark.django_db
class TestUnknownTaskSignal:
    @pytest.mark.parametrize("name", ["accounts.gone", "nobodys.task"])
    def test_leaves_a_row_to_replay_when_the_code_is_there(self, name: str) -> None:
        message = Message(
            body=b'[[], {"user_id": 7, "token": "t"}, {}]',
            headers={"__django_structlog__": {"request_id": "r"}},
            content_type="application/json",
            content_encoding="utf-8",
        )

        signals.task_unknown.send(None, name=name, id="1", message=message, exc=None)

        row = FailedTask.objects.get()
        assert (row.name, row.kwargs) == (name, {"user_id": 7, "token": REDACTED})
        assert (row.task_id, row.request_id) == ("1", "r")
        assert row.owner == (
            ownership.team_of_module(module=f"apps.{name}") or ownership.default_team()
        )
