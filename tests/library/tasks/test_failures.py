from datetime import timedelta
from typing import Any

import pytest
from celery.contrib.django.task import DjangoTask
from kombu.exceptions import OperationalError
from structlog.contextvars import bound_contextvars

from tests.library.conftest import NOW, fail
from trellis import tracing
from trellis.models import FailedTask
from trellis.tasks import failures
from trellis.testing import run_concurrently


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
class TestGivenUp:
    def test_returns_what_a_task_failed_with_and_nobody_replayed(self, task: Any) -> None:
        for number, state in enumerate(["open", "discarded", "replayed"]):
            row = fail(task, task_id=str(number), kwargs={"what": number})
            FailedTask.objects.filter(pk=row.pk).update(state=state)
        fail(task, task_id="list", kwargs={"what": [1]})
        fail(task, task_id="other", kwargs={"who": 7})

        assert failures.given_up(name=task.name, argument="what") == {0, 1}
        assert failures.given_up(name="tests.other", argument="what") == set()


@pytest.mark.django_db
class TestCountOpen:
    def test_counts_what_waits_for_somebody(self, task: Any) -> None:
        for number, state in enumerate(["open", "open", "discarded", "replayed"]):
            row = fail(task, task_id=str(number))
            FailedTask.objects.filter(pk=row.pk).update(state=state)

        assert failures.count_open() == 2


@pytest.mark.django_db
class TestReplay:
    def test_publishes_under_the_same_task_id_and_request_id(
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

    def test_opens_the_same_row_again_when_the_task_fails_again(
        self, task: Any, eager_tasks: None
    ) -> None:
        row = fail(task)

        failures.replay(failure_id=row.pk, by="me")

        assert FailedTask.objects.get().state == "open"

    @pytest.mark.parametrize("service", [failures.replay, failures.discard])
    def test_refuses_a_row_that_is_not_open(
        self, task: Any, published: list[dict[str, Any]], service: Any
    ) -> None:
        row = fail(task)
        service(failure_id=row.pk, by="me")

        for again in (failures.replay, failures.discard):
            with pytest.raises(failures.NotOpen, match="already"):
                again(failure_id=row.pk, by="me")

        assert len(published) == (service is failures.replay)

    def test_refuses_a_task_that_does_not_exist_any_more(self, task: Any) -> None:
        row = fail(task)
        FailedTask.objects.update(name="accounts.gone")

        with pytest.raises(failures.NotReplayable, match=r"no task accounts\.gone"):
            failures.replay(failure_id=row.pk, by="me")

        row.refresh_from_db()
        assert row.state == "open"

    def test_refuses_a_task_that_takes_other_arguments_now(self, task: Any) -> None:
        row = fail(task, kwargs={"which": 7})

        with pytest.raises(failures.NotReplayable, match="takes other arguments now: missing"):
            failures.replay(failure_id=row.pk, by="me")

    @pytest.mark.parametrize("name", ["tests.fragile", "accounts.gone"])
    @pytest.mark.parametrize("secret", [{"password": "hunter2"}, {"what": "\0"}])
    def test_refuses_arguments_that_were_not_stored(
        self, task: Any, name: str, secret: dict[str, str]
    ) -> None:
        row = fail(task, kwargs={"what": ""} | secret)
        FailedTask.objects.update(name=name)

        with pytest.raises(failures.NotReplayable, match="was not stored"):
            failures.replay(failure_id=row.pk, by="me")

    def test_leaves_the_row_open_while_the_broker_is_away(
        self, task: Any, broker_away: None
    ) -> None:
        row = fail(task)

        with pytest.raises(failures.BrokerAway, match="no broker"):
            failures.replay(failure_id=row.pk, by="me")

        row.refresh_from_db()
        assert row.state == "open"

    def test_refuses_an_unknown_row(self) -> None:
        with pytest.raises(failures.NoSuchFailure, match="no failed task 7"):
            failures.replay(failure_id=7, by="me")


@pytest.mark.django_db(transaction=True)
class TestReplayAtTheSameTime:
    def test_publishes_once(self, task: Any, published: list[dict[str, Any]]) -> None:
        row = fail(task)

        refused = run_concurrently(*[lambda: failures.replay(failure_id=row.pk, by="me")] * 4)

        assert (len(published), len(refused)) == (1, 3)
        assert {type(error) for error in refused} == {failures.NotOpen}


@pytest.mark.django_db
class TestRepublishUnpublished:
    def test_publishes_what_the_broker_did_not_take_and_nothing_else(
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

    def test_marks_what_it_cannot_publish_as_failed(
        self, task: Any, published: list[dict[str, Any]]
    ) -> None:
        row = fail(task, kwargs={"what": "", "password": "hunter2"}, published=False)

        failures.republish_unpublished(by="the schedule")

        row.refresh_from_db()
        assert (row.state, row.kind, published) == ("open", "failed", [])
        assert "was not stored" in row.error
