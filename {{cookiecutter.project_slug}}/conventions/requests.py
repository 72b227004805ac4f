"""What a worker's main process knows of a task. Only workers load this (`Task.Request`)."""

from typing import Any

from celery.worker import request

from conventions import tracing


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
