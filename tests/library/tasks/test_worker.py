from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery, current_app
from celery.app.task import Context
from celery.utils.imports import symbol_by_name
from celery.worker import consumer
from celery.worker.request import Request as CeleryRequest
from kombu import Message
from kombu.exceptions import ChannelError

from trellis import tracing
from trellis.tasks import worker


class TestRequest:
    def test_gives_the_main_process_the_context_of_the_message(self, task: Any) -> None:
        assert symbol_by_name(task.Request) is worker.Request
        context: list[tuple[int, str]] = []
        bound: list[str] = []
        request = worker.Request.__new__(worker.Request)
        request._task = task
        sent = {"id": "1", "retries": 2, "__django_structlog__": {"request_id": "r"}}
        request.__dict__["_context"] = Context(sent)

        def notice(*_: object, **__: object) -> None:
            context.append((task.request.retries, tracing.request_id_of(task.request)))
            bound.append(tracing.request_id())

        for method in ("on_timeout", "on_failure"):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(CeleryRequest, method, notice)
                getattr(request, method)(False, 60)

        assert context == [(2, "r"), (2, "r")]
        assert bound[1] == "r"  # for the retry that it may publish


class Channel:
    """The channel of a message, which notes what became of it."""

    no_ack_consumers = None

    def __init__(self) -> None:
        self.rejected: list[bool] = []

    def basic_reject(self, tag: object, *, requeue: bool) -> None:
        self.rejected.append(requeue)


class TestConsumer:
    @pytest.fixture
    def handled(self, monkeypatch: pytest.MonkeyPatch) -> list[Message]:
        """The messages that Celery itself handles."""
        messages: list[Message] = []
        monkeypatch.setattr(consumer.Consumer, "create_task_handler", lambda self: messages.append)
        return messages

    def handle(self, message: Message) -> None:
        ours = worker.Consumer.__new__(worker.Consumer)
        ours.connection_errors, ours.channel_errors = (ConnectionError,), (ChannelError,)
        ours.create_task_handler()(message)

    def message(self) -> Message:
        return Message(
            body=b"[[], {}, {}]",
            headers={"task": "a.b", "id": "1"},
            content_type="application/json",
            content_encoding="utf-8",
            channel=Channel(),
        )

    def test_is_named_by_the_settings(self) -> None:
        assert symbol_by_name(current_app.conf.worker_consumer) is worker.Consumer

    def test_rejects_a_message_that_no_task_can_be_made_of(self, handled: list[Message]) -> None:
        channel = Channel()

        self.handle(Message(body=b"garbage", channel=channel))

        assert (handled, channel.rejected) == ([], [False])

    def test_passes_a_task_on_to_celery(self, handled: list[Message]) -> None:
        message = self.message()

        self.handle(message)

        assert handled == [message]

    def test_rejects_a_message_that_celery_cannot_handle(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(consumer.Consumer, "create_task_handler", raising(TypeError))
        message = self.message()

        self.handle(message)

        assert message.channel.rejected == [False]

    @pytest.mark.parametrize("error", [ConnectionError, ChannelError])
    def test_keeps_a_message_when_the_broker_is_away(
        self, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
    ) -> None:
        monkeypatch.setattr(consumer.Consumer, "create_task_handler", raising(error))
        message = self.message()

        with pytest.raises(error):
            self.handle(message)

        assert message.channel.rejected == []

    def test_reads_no_events_of_other_workers(self) -> None:
        app = Celery("desk", broker="redis://", set_as_current=False)

        ours = worker.Consumer(print, app=app, controller=SimpleNamespace(use_eventloop=True))

        assert not {"Gossip", "Mingle"} & {step.alias for step in ours.steps}


def raising(error: type[Exception]) -> Any:
    """Return a stand-in for `create_task_handler`, whose handler raises `error`."""

    def handle(message: Message) -> None:
        raise error

    return lambda consumer: handle
