"""The id of a request, wherever its work has travelled since.

django-structlog binds it in the web process and sends it along with each task; the worker binds
it again (conventions/queueing/). A run that no request led to goes by its own task id.
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
    """Return the id of the request that led to what runs now; "" outside of one."""
    return str(get_contextvars().get("request_id", ""))


def request_id_of(message: Any) -> str:
    """Return the id of the request that led to a task, from its Celery request or headers."""
    return str(_sent_along(message).get("request_id", ""))


def begin(message: Any) -> None:
    """Put what was sent along with a task, and nothing older, on every line from here on."""
    clear_contextvars()
    bind_contextvars(**{"request_id": message.id} | _sent_along(message), task_id=message.id)


def bound_to(message: Any) -> AbstractContextManager[None]:
    """Put what was sent along with a task on the lines, and messages, of a `with` block."""
    return bound_contextvars(**_sent_along(message))


def _sent_along(message: Any) -> dict[str, Any]:
    sent = message.get("__django_structlog__")
    return sent if isinstance(sent, dict) else {}  # whoever can publish can write a header
