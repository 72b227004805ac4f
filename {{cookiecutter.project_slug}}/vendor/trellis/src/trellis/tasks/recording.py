"""A task that failed for good becomes a row, for whoever is on call (failures.py).

Receivers of Celery's signals write most rows. (`Task.on_failure` is not called if the worker was
lost.) Whoever could not publish a message records that itself (base.py).
"""

import contextlib
import inspect
import math
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import structlog
from celery import current_app, signals
from celery.exceptions import Reject, WorkerLostError
from django.db import connection, transaction
from django.utils import timezone

from trellis import ownership, tracing
from trellis.models import REDACTED, Claim, FailedTask
from trellis.tasks import claims

logger = structlog.get_logger(__name__)

SECRET_WORDS = {
    *("password", "passwd", "passphrase", "secret", "secrets", "token", "tokens", "key", "keys"),
    *("apikey", "authorization", "credential", "credentials", "cookie", "otp"),
}


@signals.task_failure.connect(weak=False, dispatch_uid="trellis.record_failure")
def record_failure(
    sender: Any = None,
    task_id: str = "",
    exception: BaseException | None = None,
    args: Any = (),
    kwargs: Any = None,
    einfo: Any = None,
    **_: object,
) -> None:
    """Record a final failure. (Celery sends this signal twice if a hard time limit was hit.)"""
    # Celery rejects a message if a retry of it could not be published. The task itself is fine.
    published = not isinstance(exception, Reject)
    with tracing.bound_to(sender.request):
        logger.error(
            "task_failed" if published else "task_unpublished",
            task=sender.name,
            owner=sender.owner,
            task_id=task_id,
            error=repr(exception),
        )
        recorded = False
        with _best_effort(task=sender.name, task_id=task_id):
            row = failed_task(sender, task_id, args, kwargs, published=published)
            row.error, row.traceback = repr(exception), str(einfo or "")
            save(row, at=timezone.now())
            recorded = True
        if not recorded:
            _try_again(sender)
        if isinstance(exception, WorkerLostError):  # its process cannot release the lease any more
            lease = Claim(name=sender.name, key=claims.LEASE, holder=task_id)
            claims.release(lease, at=timezone.now())


def _try_again(task: Any) -> None:
    """Publish a message again, as none of the task's `max_retries`.

    The database takes no row now. If it is away or full, that is probably why the task failed, and
    then nobody would hear of it. (The next run of a scheduled task does its work.)
    """
    if getattr(task, "schedule", None) is not None or task.request.is_eager:
        return
    try:
        task.signature_from_request(countdown=task.default_retry_delay).apply_async()
    except Exception:
        logger.exception("task_not_tried_again", task=task.name, task_id=task.request.id)


@signals.task_unknown.connect(weak=False, dispatch_uid="trellis.record_unknown_task")
def record_unknown_task(name: str = "", message: Any = None, id: str = "", **_: Any) -> None:  # noqa: A002
    """Record a message whose task this worker does not have. Celery drops the message."""
    with _best_effort(task=name, task_id=id):
        args, kwargs, _embed = message.payload  # trellis/messages.py let it pass
        row = FailedTask(
            task_id=id,
            name=name,
            owner=ownership.team_of_module(module=f"apps.{name}") or ownership.default_team(),
            request_id=tracing.request_id_of(message.headers),
            args=redacted(args),
            kwargs=redacted(kwargs),
            kind=FailedTask.Kind.FAILED,
            error="No such task. Is this worker older than the code, or was a task renamed?",
        )
        save(row, at=timezone.now())


def record_unpublished(
    task: Any, task_id: str, args: Any, kwargs: Any, *, error: BaseException
) -> None:
    """Record a message that the broker did not take."""
    with _best_effort(task=task.name, task_id=task_id):
        row = failed_task(task, task_id, args, kwargs, published=False)
        row.error = repr(error)
        save(row, at=timezone.now())


@contextlib.contextmanager
def _best_effort(**details: str) -> Iterator[None]:
    """Log an error instead of raising it.

    A record must hide neither the failure itself nor what else is to be done after it.
    """
    try:
        # A worker's main process records failures, too, and may not have used its connection for
        # hours.
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
        yield
    except Exception:
        logger.exception("task_failure_not_recorded", **details)


def failed_task(
    task: Any, task_id: str, args: Any, kwargs: Any, *, published: bool = True
) -> FailedTask:
    """Return a row for a task, not saved yet, with its arguments but for the secret ones."""
    names = [*inspect.signature(task.run).parameters, *([""] * len(args or ()))]
    return FailedTask(
        task_id=task_id,
        name=task.name,
        owner=task.owner,
        request_id=tracing.request_id_of(task.request) or tracing.request_id(),
        args=[redacted(value, name=name) for value, name in zip(args or (), names, strict=False)],
        kwargs=redacted(kwargs or {}),
        kind=FailedTask.Kind.FAILED if published else FailedTask.Kind.UNPUBLISHED,
        attempts=(task.request.retries or 0) + 1 if published else 0,
    )


def save(row: FailedTask, *, at: datetime) -> None:
    """Save the row of a failure at a time, or open the earlier row of the same failure again."""
    row.first_failed_at = row.last_failed_at = at
    for field in FailedTask._meta.fields:
        if isinstance(value := getattr(row, field.name), str):
            setattr(row, field.name, _storable(value)[: field.max_length])
    with transaction.atomic():
        if earlier := _earlier_row(row):
            row.pk, row.first_failed_at = earlier.pk, earlier.first_failed_at
            if _is_scheduled(row):
                is_same_run = earlier.task_id == row.task_id
                row.attempts = earlier.attempts + (0 if is_same_run else row.attempts)
        row.save()


def _earlier_row(row: FailedTask) -> FailedTask | None:
    """Return the row of this task id, or the open one of this scheduled task.

    The next run of a scheduled task does the same work, so a night of failures is one row.
    """
    earlier = FailedTask.objects.filter(task_id=row.task_id).first()
    if earlier or not _is_scheduled(row):
        return earlier
    return FailedTask.objects.filter(name=row.name, state=FailedTask.State.OPEN).first()


def _is_scheduled(row: FailedTask) -> bool:
    return getattr(current_app.tasks.get(row.name), "schedule", None) is not None


def redacted(value: Any, *, name: str = "") -> Any:
    """Return an argument as it is stored: without secrets, and without what JSON cannot hold.

    An argument is secret by its `name`. PostgreSQL's JSON takes no NUL, no half of a surrogate
    pair and no NaN.
    """
    if _is_secret(name):
        return REDACTED
    match value:
        case dict():
            return {str(key): redacted(item, name=str(key)) for key, item in value.items()}
        case list() | tuple():
            return [redacted(item) for item in value]
        case str() if value != _storable(value):
            return REDACTED
        case bytes() if b"\0" in value:
            return REDACTED
        case float() if not math.isfinite(value):
            return REDACTED
    return value


def _is_secret(name: str) -> bool:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)  # accessToken
    return not SECRET_WORDS.isdisjoint(re.split(r"[^a-z0-9]+", f"{words} {name}".lower()))


def _storable(text: str) -> str:
    """Return `text` as a database takes it."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
