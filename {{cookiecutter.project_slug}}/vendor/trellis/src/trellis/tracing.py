"""The request id: in each log line, response and task that a request leads to.

django-structlog binds it in the web process and sends it along with each task; the worker binds
it again (`trellis.tasks`). A scheduled run, which no request led to, uses its task id.
"""

from contextlib import AbstractContextManager
from typing import Any

from structlog.contextvars import (
    bind_contextvars,
    bound_contextvars,
    clear_contextvars,
    get_contextvars,
)


def request_id() -> str:
    """Return the id of the current request, or of the one that led to the current task; else ""."""
    return str(get_contextvars().get("request_id", ""))


def request_id_of(message: Any) -> str:
    """Return the request id that was sent along with a task (its Celery request or headers)."""
    return str(_context_of(message).get("request_id", ""))


def begin(message: Any) -> None:
    """Start a task's log context: what was sent along with it, and nothing of an earlier task."""
    clear_contextvars()
    bind_contextvars(**{"request_id": message.id} | _context_of(message), task_id=message.id)


def bound_to(message: Any) -> AbstractContextManager[None]:
    """Use the log context that was sent along with a task inside a `with` block."""
    return bound_contextvars(**_context_of(message))


def _context_of(message: Any) -> dict[str, Any]:
    context = message.get("__django_structlog__")
    return context if isinstance(context, dict) else {}  # a header can hold anything
