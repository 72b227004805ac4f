import threading
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

import pytest
from celery import current_app, signals
from celery.contrib.django.task import DjangoTask
from celery.exceptions import Reject, TimeLimitExceeded
from django.db import connections
from kombu.exceptions import OperationalError
from structlog.contextvars import bound_contextvars

from conventions import ownership, tracing
from conventions.models import FailedTask
from conventions.queueing import failures, recording

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def fail(task: Any, *, task_id: str = "1", at: datetime = NOW, **details: Any) -> FailedTask:
    """Record a failure as a worker does, and return its row."""
    given: dict[str, Any] = {"args": (), "kwargs": {"what": "error"}, "error": ValueError("broken")}
    recording.record(task=task, task_id=task_id, at=at, **given | details)
    return FailedTask.objects.get(task_id=task_id)


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What reaches the broker."""
    messages: list[dict[str, Any]] = []

    def publish(task: Any, args: Any, kwargs: Any, **options: Any) -> None:
        about = {"name": task.name, "request_id": tracing.request_id()}
        messages.append(about | {"kwargs": kwargs, "task_id": options["task_id"]})

    monkeypatch.setattr(DjangoTask, "apply_async", publish)
    return messages


@pytest.fixture
def broker_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OperationalError("no broker")

    monkeypatch.setattr(DjangoTask, "apply_async", refuse)


@pytest.mark.django_db
class TestRecord:
    def test_keeps_what_is_needed_to_run_it_again_and_whose_it_is(self, task: Any) -> None:
        with bound_contextvars(request_id="of-the-request"):
            row = fail(task, traceback="Traceback: …")

        assert (row.name, row.owner) == ("tests.fragile", ownership.team_of_the_house())
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

    @pytest.mark.parametrize("what", ["\0", float("nan"), "\ud800", object()])
    def test_fails_on_nothing_that_a_database_does_not_take(self, task: Any, what: object) -> None:
        row = fail(task, kwargs={"what": what}, error=ValueError(what))

        assert row.kwargs["what"].startswith(recording.GONE)

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

    @pytest.mark.parametrize(
        ("name", "owner"),
        [
            ("accounts.gone", ownership.team_of_module(module="apps.accounts")),
            ("nobodys.task", ownership.team_of_the_house()),
        ],
    )
    def test_of_an_unknown_task_leave_a_row(self, name: str, owner: str) -> None:
        class Message:
            payload: ClassVar[tuple[Any, ...]] = ([], {"user_id": 7}, {})
            headers: ClassVar[dict[str, Any]] = {"__django_structlog__": {"request_id": "r"}}

        signals.task_unknown.send(None, name=name, id="1", message=Message(), exc=None)

        row = FailedTask.objects.get()
        assert (row.name, row.kwargs, row.owner) == (name, {"user_id": 7}, owner)
        assert row.request_id == "r"

    def test_of_a_message_that_nobody_can_read_leave_a_row_without_its_body(self) -> None:
        class Message:
            body = b"\xff password=hunter2"
            content_type = "application/json"
            headers = None

        recording.record_unreadable(message=Message(), why="invalid start byte")

        row = FailedTask.objects.get()
        assert (row.name, row.owner) == ("(no task)", ownership.team_of_the_house())
        assert "invalid start byte" in row.error
        assert "hunter2" not in f"{row.args} {row.kwargs} {row.error}"
        with pytest.raises(failures.NotReplayable):
            failures.replay(failure_id=row.pk, by="me")


@pytest.mark.django_db
class TestGivenUp:
    def test_names_what_a_task_failed_with_and_nobody_replayed(self, task: Any) -> None:
        for number, state in enumerate(["open", "discarded", "replayed"]):
            row = fail(task, task_id=str(number), kwargs={"what": number})
            FailedTask.objects.filter(pk=row.pk).update(state=state)

        assert failures.given_up(name=task.name, argument="what") == {"0", "1"}
        assert failures.given_up(name="tests.other", argument="what") == set()


@pytest.mark.django_db
class TestReplay:
    def test_publishes_it_under_its_own_id_and_that_of_its_request(
        self, task: Any, published: list[dict[str, Any]]
    ) -> None:
        with bound_contextvars(request_id="of-the-request"):
            row = fail(task)

        failures.replay(failure_id=row.pk, by="me")

        row.refresh_from_db()
        assert row.state == "replayed"
        (message,) = published
        assert (message["name"], message["task_id"]) == ("tests.fragile", "1")
        assert (message["kwargs"], message["request_id"]) == ({"what": "error"}, "of-the-request")

    def test_that_fails_again_opens_the_same_row(self, task: Any, eager_tasks: None) -> None:
        row = fail(task)

        failures.replay(failure_id=row.pk, by="me")

        assert FailedTask.objects.get().state == "open"

    @pytest.mark.parametrize("service", [failures.replay, failures.discard])
    def test_of_what_was_dealt_with_is_refused(
        self, task: Any, published: list[dict[str, Any]], service: Any
    ) -> None:
        row = fail(task)
        service(failure_id=row.pk, by="me")

        for again in (failures.replay, failures.discard):
            with pytest.raises(failures.NotOpen, match="already"):
                again(failure_id=row.pk, by="me")

        assert len(published) == (service is failures.replay)

    def test_of_a_task_that_is_gone_is_refused(self, task: Any) -> None:
        row = fail(task)
        FailedTask.objects.update(name="accounts.gone")

        with pytest.raises(failures.NotReplayable, match=r"no task accounts\.gone"):
            failures.replay(failure_id=row.pk, by="me")

        row.refresh_from_db()
        assert row.state == "open"

    def test_of_a_task_that_takes_other_arguments_now_is_refused(self, task: Any) -> None:
        row = fail(task, kwargs={"which": 7})

        with pytest.raises(failures.NotReplayable, match="takes other arguments now: missing"):
            failures.replay(failure_id=row.pk, by="me")

    def test_without_the_secret_it_needs_is_refused(self, task: Any) -> None:
        row = fail(task, kwargs={"what": "", "password": "hunter2"})

        with pytest.raises(failures.NotReplayable, match="was not kept"):
            failures.replay(failure_id=row.pk, by="me")

    def test_with_the_broker_away_leaves_it_open(self, task: Any, broker_away: None) -> None:
        row = fail(task)

        with pytest.raises(failures.BrokerAway, match="no broker"):
            failures.replay(failure_id=row.pk, by="me")

        row.refresh_from_db()
        assert row.state == "open"

    def test_of_an_unknown_row_is_refused(self) -> None:
        with pytest.raises(failures.NoSuchFailure, match="no failed task 7"):
            failures.replay(failure_id=7, by="me")


@pytest.mark.django_db(transaction=True)
class TestReplayTwice:
    def test_at_once_publishes_once(self, task: Any, published: list[dict[str, Any]]) -> None:
        row, together, refused = fail(task), threading.Barrier(4), []

        def click() -> None:
            together.wait()
            try:
                failures.replay(failure_id=row.pk, by="me")
            except failures.NotOpen as error:
                refused.append(error)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=click) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert (len(published), len(refused)) == (1, 3)


@pytest.mark.django_db
class TestRepublishUnpublished:
    def test_publishes_what_the_broker_refused_and_nothing_else(
        self, task: Any, published: list[dict[str, Any]]
    ) -> None:
        fail(task, task_id="failed")
        fail(task, task_id="second", at=NOW, published=False)
        fail(task, task_id="first", at=NOW - timedelta(minutes=1), published=False)

        assert failures.republish_unpublished(by="the schedule") == 2
        assert failures.republish_unpublished(by="the schedule") == 0

        assert [message["task_id"] for message in published] == ["first", "second"]

    def test_waits_while_the_broker_is_away(self, task: Any, broker_away: None) -> None:
        row = fail(task, published=False)

        assert failures.republish_unpublished(by="the schedule") == 0

        row.refresh_from_db()
        assert (row.state, row.kind) == ("open", "unpublished")

    def test_leaves_to_people_what_cannot_be_published(
        self, task: Any, published: list[dict[str, Any]]
    ) -> None:
        row = fail(task, kwargs={"what": "", "password": "hunter2"}, published=False)

        failures.republish_unpublished(by="the schedule")

        row.refresh_from_db()
        assert (row.state, row.kind, published) == ("open", "failed", [])
        assert "was not kept" in row.error


@pytest.mark.django_db
class TestDeleteOldFailures:
    def test_keeps_what_is_open_and_what_is_young(self, task: Any) -> None:
        for number, (state, days) in enumerate(
            [("open", 400), ("replayed", 29), ("replayed", 31), ("discarded", 31)]
        ):
            row = fail(task, task_id=str(number), at=NOW - timedelta(days=days))
            FailedTask.objects.filter(pk=row.pk).update(state=state)

        assert failures.delete_old_failures(at=NOW) == 2

        kept = FailedTask.objects.order_by("task_id").values_list("task_id", flat=True)
        assert list(kept) == ["0", "1"]
