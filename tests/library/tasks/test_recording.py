from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from celery import current_app, signals
from celery.exceptions import Reject, TimeLimitExceeded
from kombu import Message
from kombu.exceptions import OperationalError
from structlog.contextvars import bound_contextvars

from trellis import ownership
from trellis.models import FailedTask
from trellis.tasks import failures, recording
from tests.library.conftest import NOW, fail


@pytest.mark.django_db
class TestRecord:
    def test_keeps_what_is_needed_to_run_it_again_and_whose_it_is(self, task: Any) -> None:
        with bound_contextvars(request_id="of-the-request"):
            row = fail(task, traceback="Traceback: …")

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

    def test_of_a_scheduled_task_that_keeps_failing_is_one_row(self, task: Any) -> None:
        task.schedule = timedelta(minutes=1)

        for number in range(3):
            fail(task, task_id=str(number), at=NOW + timedelta(minutes=number))
        fail(task, task_id="2")  # as a hard time limit does, which Celery reports twice

        row = FailedTask.objects.get()
        assert (row.attempts, row.first_failed_at) == (3, NOW)

    def test_of_a_scheduled_task_that_is_replayed_and_fails_opens_its_own_row(
        self, task: Any
    ) -> None:
        task.schedule = timedelta(minutes=1)
        row = fail(task, task_id="replayed")
        FailedTask.objects.update(state=FailedTask.State.REPLAYED)
        fail(task, task_id="next")

        fail(task, task_id="replayed", at=NOW + timedelta(minutes=1))

        row.refresh_from_db()
        assert (row.state, row.last_failed_at) == ("open", NOW + timedelta(minutes=1))
        assert FailedTask.objects.get(task_id="next").state == "open"

    @pytest.mark.parametrize(
        "name",
        [
            *("password", "api_key", "AUTHORIZATION", "access_token", "client-secret"),
            *("accessToken", "apiKey", "passWord"),
        ],
    )
    def test_masks_what_is_secret_by_its_name_wherever_it_stands(
        self, task: Any, name: str
    ) -> None:
        row = fail(
            task,
            kwargs={"what": [{name: "hunter2", "monkey": "banana"}]},
            error=ValueError("cannot sign in with hunter2"),
            traceback="sign_in('hunter2')",
        )

        assert row.kwargs == {"what": [{name: recording.gone(), "monkey": "banana"}]}
        assert "hunter2" not in row.error + row.traceback

    @pytest.mark.parametrize(
        ("name", "value", "secret"),
        [
            ("tokens", ["s3cr3t-in-list"], "s3cr3t-in-list"),
            ("credentials", {"user": {"pin": "hunter22"}}, "hunter22"),
            ("otp", 123456, "123456"),
            ("keys", ["hunter2", "hunter2-and-more"], "and-more"),
            ("password", "two\nlines", "lines"),
            ("password", 'it\'s "mine"', "mine"),
            ("password", "it's mine", "mine"),
        ],
    )
    def test_masks_in_the_error_all_that_a_secret_holds(
        self, task: Any, name: str, value: Any, secret: str
    ) -> None:
        said = f'refused "{value}", {list(value.values()) if isinstance(value, dict) else value}'

        row = fail(task, kwargs={name: value}, error=ValueError(said), traceback=said)

        assert secret not in row.error + row.traceback

    def test_masks_no_word_that_is_no_secret(self, task: Any) -> None:
        row = fail(task, kwargs={"password": None, "token": True}, error=ValueError(None, True))

        assert row.error == "ValueError(None, True)"

    def test_masks_a_secret_that_was_given_by_its_position(self) -> None:
        @current_app.task(name="tests.positional")
        def positional(user: int, password: str) -> None: ...

        try:
            row = fail(current_app.tasks["tests.positional"], args=(7, "hunter2"), kwargs={})
        finally:
            del current_app.tasks["tests.positional"]

        assert row.args == [7, recording.gone()]

    @pytest.mark.parametrize("what", ["\0", b"\0", float("nan"), "\ud800", object()])
    def test_fails_on_nothing_that_a_database_does_not_take(self, task: Any, what: object) -> None:
        row = fail(task, kwargs={"what": what}, error=ValueError(what))

        assert row.kwargs["what"].startswith(recording.GONE)

    @pytest.mark.parametrize("name", ["\0", "\ud800"])
    def test_fails_on_no_name_of_an_argument(self, task: Any, name: str) -> None:
        (kept,) = fail(task, kwargs={name: 7}).kwargs

        assert kept.startswith(recording.GONE)

    @pytest.mark.parametrize("text", ["\0", "x" * 1000])
    def test_keeps_of_each_text_what_its_column_holds(
        self, task: Any, text: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ownership, "team_of_module", lambda *, module: text)
        monkeypatch.setattr(task, "name", text)

        with bound_contextvars(request_id=text):
            recording.record(
                task=task,
                task_id=text,
                args=(),
                kwargs={},
                error=ValueError(text),
                traceback=text,
                at=NOW,
            )

        FailedTask.objects.get().full_clean(exclude=["args", "kwargs"])  # they are blank

    def test_leaves_alone_the_row_of_another_task_with_its_id(self, task: Any) -> None:
        row = fail(task)
        FailedTask.objects.update(name="tests.other", state=FailedTask.State.DISCARDED)

        recording.record(task=task, task_id="1", args=(), kwargs={}, error=ValueError(), at=NOW)

        row.refresh_from_db()
        assert (row.name, row.state) == ("tests.other", "discarded")
        assert "'1'" in FailedTask.objects.get(name=task.name).error

    def test_never_raises(self, task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(**_: object) -> None:
            raise OSError("no database either")

        monkeypatch.setattr(recording, "_upsert", refuse)

        recording.record(task=task, task_id="1", args=(), kwargs={}, error=ValueError(), at=NOW)

        assert not FailedTask.objects.exists()


@pytest.mark.django_db
class TestSignals:
    def test_of_a_task_that_failed_leave_a_row(self, task: Any, eager_tasks: None) -> None:
        task.delay(what="error")

        row = FailedTask.objects.get()
        assert (row.kind, row.attempts) == ("failed", 1)
        assert "broken" in row.traceback

    def test_that_come_twice_leave_one_row(self, task: Any) -> None:
        for _ in range(2):
            signals.task_failure.send(
                task, task_id="1", exception=TimeLimitExceeded(60), args=[], kwargs={"what": ""}
            )

        assert FailedTask.objects.get().error == "TimeLimitExceeded(60)"

    def test_of_a_retry_that_the_broker_refused_leave_a_row_to_republish(self, task: Any) -> None:
        refused = Reject(OperationalError("no broker"), requeue=False)

        signals.task_failure.send(
            task, task_id="1", exception=refused, args=[], kwargs={"what": ""}
        )

        assert FailedTask.objects.get().kind == "unpublished"


def message(*, body: Any = b"[[], {}, {}]", headers: Any = None) -> Message:
    """A message as a worker has it from the broker."""
    return Message(
        body=body, headers=headers, content_type="application/json", content_encoding="utf-8"
    )


@pytest.mark.django_db
class TestUnknownTask:
    @pytest.mark.parametrize(
        ("name", "owner"),
        [
            ("accounts.gone", ownership.team_of_module(module="apps.accounts")),
            ("nobodys.task", ownership.default_team()),
        ],
    )
    def test_is_a_row_to_replay_when_the_task_is_known(self, name: str, owner: str) -> None:
        sent = message(
            body=b'[[], {"user_id": 7}, {}]',
            headers={"__django_structlog__": {"request_id": "r"}},
        )

        signals.task_unknown.send(None, name=name, id="1", message=sent, exc=None)

        row = FailedTask.objects.get()
        assert (row.name, row.kwargs, row.owner) == (name, {"user_id": 7}, owner)
        assert (row.task_id, row.request_id) == ("1", "r")

    @pytest.mark.parametrize(
        "body",
        [
            b"\xff garbage",
            b'{"a": 1}',
            b'{"a": 1, "b": 2, "c": 3}',
            b'"text"',
            b'"abc"',
            b"[1, 2, 3]",
            b"null",
            b'{"task": "accounts.gone", "id": "1", "args": [], "kwargs": {}}',  # protocol 1
        ],
    )
    def test_whose_arguments_cannot_be_read_is_a_row_by_its_name(self, body: bytes) -> None:
        recording.record_unknown_tasks(name="accounts.gone", id="1", message=message(body=body))

        row = FailedTask.objects.get()
        assert (row.name, row.owner) == (
            "accounts.gone",
            ownership.team_of_module(module="apps.accounts"),
        )
        assert "Nobody can read this message" in row.error
        with pytest.raises(failures.NotReplayable, match="not kept"):
            failures.replay(failure_id=row.pk, by="me")

    @pytest.mark.parametrize("name", [7, "apps\0.x", "\ud800", "x" * 1000, "a.b/../c"])
    def test_may_be_called_anything(self, name: Any) -> None:
        recording.record_unknown_tasks(name=name, id=7, message=message())

        FailedTask.objects.get().full_clean(exclude=["args", "kwargs"])  # they are blank


@pytest.mark.django_db
class TestUnreadable:
    def test_is_a_row_without_its_body(self) -> None:
        recording.record_unreadable(
            message=message(body=b"\xff password=hunter2"), why="invalid start byte"
        )

        row = FailedTask.objects.get()
        assert (row.name, row.owner) == ("(no task)", ownership.default_team())
        assert "invalid start byte" in row.error
        assert "hunter2" not in f"{row.args} {row.kwargs} {row.error}"
        with pytest.raises(failures.NotReplayable, match="not kept"):
            failures.replay(failure_id=row.pk, by="me")

    def test_does_not_take_the_row_whose_id_it_claims(self, task: Any) -> None:
        row = fail(task)
        FailedTask.objects.update(state=FailedTask.State.DISCARDED)

        recording.record_unreadable(
            message=message(headers={"task": task.name, "id": "1"}), why="it is garbage"
        )

        row.refresh_from_db()
        assert (row.state, row.kwargs) == ("discarded", {"what": "error"})
        unreadable = FailedTask.objects.get(state=FailedTask.State.OPEN)
        assert "'1'" in unreadable.error
        assert "it is garbage" in unreadable.error

    @pytest.mark.parametrize(
        "headers",
        [
            ["no", "headers"],
            {"__django_structlog__": "no dict"},
            {"__django_structlog__": {"request_id": "x" * 1000}},
            {"task": "apps\0.x", "id": "\0"},
            {"task": {"no": "text"}, "id": ["no text"]},
            {"task": "x" * 1000, "id": "x" * 1000},
        ],
    )
    def test_may_say_anything_of_itself(self, headers: Any) -> None:
        sent = message()
        sent.headers = headers

        recording.record_unreadable(message=sent, why="why\0" * 1000)

        assert "Nobody can read this message" in FailedTask.objects.get().error

    def test_never_raises(self) -> None:
        recording.record_unreadable(message=None, why="there is none")

        assert not FailedTask.objects.exists()
