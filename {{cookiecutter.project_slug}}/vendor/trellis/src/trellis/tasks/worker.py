"""What a worker's main process does with messages. Only workers load this module.

`Task.Request` and the setting `worker_consumer` name these classes.
"""

from collections.abc import Callable
from typing import Any

import structlog
from celery.worker import consumer, request

from trellis import messages, tracing

logger = structlog.get_logger(__name__)


class Request(request.Request):
    """Celery's request, which gives the main process the context of the message it handles.

    The main process notices that a child was lost or took too long. Without the context it would
    record a failure, or publish a retry, that has no attempts and no request id.
    """

    def on_timeout(self, soft: bool, timeout: float) -> None:
        self.task.request_stack.push(self._context)
        try:
            super().on_timeout(soft, timeout)
        finally:
            self.task.request_stack.pop()

    def on_failure(self, exc_info: Any, *args: Any, **kwargs: Any) -> Any:
        self.task.request_stack.push(self._context)
        try:
            with tracing.bound_to(self._context):
                return super().on_failure(exc_info, *args, **kwargs)
        finally:
            self.task.request_stack.pop()


class Consumer(consumer.Consumer):
    """Celery's consumer, which logs and drops messages that no task can be made of.

    Celery logs some of these, and ends the worker at others.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Both decode what anybody publishes about workers, and garbage there would end this one.
        # Nothing here needs them: `celery inspect` and `celery control` have a queue of their own.
        super().__init__(*args, without_gossip=True, without_mingle=True, **kwargs)

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], None]:
        handle_task = super().create_task_handler(*args, **kwargs)

        def handle(message: Any) -> None:
            if fault := messages.fault_of_task(message):
                self._drop(message, fault)
                return
            try:
                handle_task(message)
            except (*self.connection_errors, *self.channel_errors):
                raise  # the fault is the broker's
            except Exception as error:
                self._drop(message, f"Celery cannot handle it: {error!r}")

        return handle

    def _drop(self, message: Any, fault: str) -> None:
        logger.error(
            "message_unreadable",
            fault=fault,
            headers=repr(message.headers)[:500],
            size=len(message.body or b""),  # not its text, which may hold secrets
        )
        message.reject_log_error(logger, self.connection_errors)
