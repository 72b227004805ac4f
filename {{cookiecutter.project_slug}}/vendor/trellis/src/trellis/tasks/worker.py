"""What a worker's main process knows of its messages. Only workers load this.

`Task.Request` and the setting `worker_consumer` name these classes.
"""

from typing import Any

from celery.worker import consumer, request

from trellis import tracing
from trellis.tasks import recording


class Request(request.Request):  # type: ignore[misc]  # Celery ships no types
    """Celery's request, which tells the failures it notices itself whose they are.

    The main process notices that a child was lost or took too long. Without this, it would record
    a failure, or publish a retry, that has no attempts and belongs to no request.
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


class Consumer(consumer.Consumer):  # type: ignore[misc]
    """Celery's consumer, which also keeps a row of each message that nobody can read.

    Celery drops such a message with a line in the log. Of the three ways to be unreadable its
    signals tell the reason of one (`task_rejected` of an invalid task), of one only that it was,
    and nothing of what could not be decoded. What we do is never in the way of what Celery does.
    """

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        recording.record_unreadable(message=message, why=str(exc))
        super().on_decode_error(message, exc)

    def on_unknown_message(self, body: Any, message: Any) -> None:
        recording.record_unreadable(message=message, why="it names no task")
        super().on_unknown_message(body, message)

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:
        recording.record_unreadable(message=message, why=str(exc))
        super().on_invalid_task(body, message, exc)
