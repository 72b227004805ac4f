from typing import Any

import pytest
from celery import current_app
from celery.app.task import Context
from celery.utils.imports import symbol_by_name
from celery.worker.request import Request as CeleryRequest
from kombu import Message

from trellis import tracing
from trellis.models import FailedTask
from trellis.tasks import recording, worker


class TestRequest:
    def test_tells_the_main_process_whose_a_failure_is(self, task: Any) -> None:
        assert symbol_by_name(task.Request) is worker.Request
        seen: list[tuple[int, str]] = []
        request = worker.Request.__new__(worker.Request)
        request._task = task
        sent = {"id": "1", "retries": 2, "__django_structlog__": {"request_id": "r"}}
        request.__dict__["_context"] = Context(sent)

        def notice(*_: object, **__: object) -> None:
            seen.append((task.request.retries, tracing.request_id_of(task.request)))
            bound.append(tracing.request_id())

        bound: list[str] = []
        for method in ("on_timeout", "on_failure"):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(CeleryRequest, method, notice)
                getattr(request, method)(False, 60)

        assert seen == [(2, "r"), (2, "r")]
        assert bound[1] == "r"  # for the retry that it may publish


class Line:
    """The channel of a message: it tells what became of it."""

    no_ack_consumers = None

    def __init__(self) -> None:
        self.outcome: list[str] = []

    def basic_ack(self, tag: object, **_: object) -> None:
        self.outcome.append("acknowledged")

    def basic_reject(self, tag: object, **_: object) -> None:
        self.outcome.append("rejected")


@pytest.mark.django_db
class TestConsumer:
    hooks = pytest.mark.parametrize(
        ("hook", "arguments", "why", "outcome"),
        [
            ("on_decode_error", (ValueError("no JSON"),), "no JSON", "acknowledged"),
            ("on_unknown_message", (), "it names no task", "rejected"),
            ("on_invalid_task", (ValueError("no id"),), "no id", "rejected"),
        ],
    )

    def call(self, hook: str, *arguments: object, headers: object = None) -> list[str]:
        """Let a consumer find a message unreadable. Returns what became of the message."""
        consumer = worker.Consumer.__new__(worker.Consumer)
        consumer.connection_errors = ()
        line = Line()
        message = Message(body=b"garbage", channel=line)
        message.headers = headers
        body = () if hook == "on_decode_error" else (None,)
        getattr(consumer, hook)(*body, message, *arguments)
        return line.outcome

    def test_is_the_one_of_the_settings(self) -> None:
        assert symbol_by_name(current_app.conf.worker_consumer) is worker.Consumer

    @hooks
    def test_keeps_a_row_of_what_celery_drops(
        self, hook: str, arguments: Any, why: str, outcome: str
    ) -> None:
        assert self.call(hook, *arguments) == [outcome]

        assert why in FailedTask.objects.get().error

    @hooks
    def test_lets_celery_drop_what_it_can_keep_no_row_of(
        self, hook: str, arguments: Any, why: str, outcome: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(**_: object) -> None:
            raise OSError("no database")

        monkeypatch.setattr(recording, "_upsert", refuse)

        assert self.call(hook, *arguments, headers=["no", "dict"]) == [outcome]
        assert self.call(hook, *arguments, headers={"__django_structlog__": "text"}) == [outcome]
