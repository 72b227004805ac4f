"""What finally failed becomes a row, without its secrets, for whoever is on call (failures.py).

Receivers of Celery's signals write the rows. (They are Celery's, not Django's; and `on_failure` is
not called for a worker that was lost.)
"""

import inspect
import math
import re
from datetime import datetime
from typing import Any

import structlog
from celery import current_app, signals
from celery.exceptions import Reject, WorkerLostError
from celery.utils import uuid
from django.db import connection
from django.utils import timezone

from conventions import ownership, tracing
from conventions.queueing import runs

logger = structlog.get_logger(__name__)

SECRET_WORDS = {
    *("password", "passwd", "passphrase", "secret", "secrets", "token", "tokens", "key", "keys"),
    *("apikey", "authorization", "credential", "credentials", "cookie", "otp"),
}
HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")  # between the words of accessToken
GONE = "[gone: "  # begins what stands in a row for an argument that cannot be had back


def record(
    *,
    task: Any,
    task_id: str,
    args: Any,
    kwargs: Any,
    error: BaseException,
    at: datetime,
    traceback: str = "",
    published: bool = True,
) -> None:
    """Write or refresh the row of a task id, and open it (again)."""
    _write(
        name=task.name,
        owner=task.owner,
        task_id=task_id,
        args=args,
        kwargs=kwargs,
        error=repr(error),
        traceback=traceback,
        published=published,
        attempts=(task.request.retries or 0) + 1 if published else 0,
        request_id=tracing.request_id_of(task.request) or tracing.request_id(),
        at=at,
        # The next run does the same work, so a night of failing every minute is one row.
        one_row=task.schedule is not None,
    )


def _write(*, name: str, task_id: str, **values: Any) -> None:
    """Write a row. It must hide neither the failure itself nor what else is to be done."""
    try:
        # A worker's main process, too, records failures, and hours may lie between two of them.
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
        _upsert(name=name, task_id=task_id, **values)
    except Exception:
        logger.exception("task_failure_not_recorded", task=name, task_id=task_id)


def _upsert(
    *,
    name: str,
    task_id: str,
    args: Any,
    kwargs: Any,
    attempts: int,
    error: str,
    traceback: str,
    published: bool,
    one_row: bool,
    at: datetime,
    **others: str,
) -> None:
    from conventions.models import FailedTask  # models need the apps loaded; celery.py does not

    masked, secrets = _masked(name=name, args=args, kwargs=kwargs)
    for secret in sorted(secrets, key=len, reverse=True):  # the whole before what is part of it
        error, traceback = error.replace(secret, gone()), traceback.replace(secret, gone())
    which: dict[str, Any] = {"task_id": task_id}
    if one_row:
        # First its own, which a replay that fails opens again: a task id has one row.
        row = (
            FailedTask.objects.filter(task_id=task_id).first()
            or FailedTask.objects.filter(name=name, state=FailedTask.State.OPEN).first()
        )
        if row is not None:
            which = {"pk": row.pk}
            attempts = row.attempts + (attempts if row.task_id != task_id else 0)
    values = {
        "task_id": task_id,
        "name": name,
        "state": FailedTask.State.OPEN,
        "kind": FailedTask.Kind.FAILED if published else FailedTask.Kind.UNPUBLISHED,
        "attempts": attempts,
        "error": _clean(error)[:500],
        "traceback": _clean(traceback),
        "last_failed_at": at,
        **masked,
        **others,
    }
    FailedTask.objects.update_or_create(
        defaults=values, create_defaults=values | {"first_failed_at": at}, **which
    )


@signals.task_failure.connect(weak=False, dispatch_uid="conventions.record_failures")
def record_failures(
    sender: Any = None,
    task_id: str = "",
    exception: BaseException | None = None,
    args: Any = (),
    kwargs: Any = None,
    einfo: Any = None,
    **_: object,
) -> None:
    """Keep a row of each final failure. Celery sends a hard time limit's twice: hence one row."""
    # So says Celery when a retry could not be published. Nothing was wrong with the task.
    published = not isinstance(exception, Reject)
    with tracing.bound_to(sender.request):
        logger.error(
            "task_failed" if published else "task_unpublished",
            task=sender.name,
            owner=sender.owner,
            task_id=task_id,
            error=repr(exception),
        )
        record(
            task=sender,
            task_id=task_id,
            args=args,
            kwargs=kwargs,
            error=exception or RuntimeError("unknown"),
            traceback=str(einfo or ""),
            published=published,
            at=timezone.now(),
        )
        if isinstance(exception, WorkerLostError):  # the process that would have ended its lease
            runs.end_lease(name=sender.name, task_id=task_id, succeeded_at=None)


@signals.task_unknown.connect(weak=False, dispatch_uid="conventions.record_unknown_tasks")
def record_unknown_tasks(
    sender: Any = None, name: str = "", message: Any = None, **others: Any
) -> None:
    """Keep a row of a message whose task this worker does not know; Celery drops it."""
    args, kwargs, _embed = message.payload
    _write(
        name=name,
        owner=_owner_by_name(name),
        task_id=others["id"],
        args=args,
        kwargs=kwargs,
        error="No such task. Was a task renamed, or the web deployed before the workers?",
        traceback="",
        published=True,
        attempts=0,
        request_id=tracing.request_id_of(message.headers),
        one_row=False,
        at=timezone.now(),
    )


def record_unreadable(*, message: Any, why: str) -> None:
    """Keep a row of a message that nobody can read, without its body: secrets could be in it."""
    headers = message.headers or {}
    name = _clean(str(headers.get("task") or "(no task)"))[:255]
    size = len(message.body or b"")
    _write(
        name=name,
        owner=_owner_by_name(name),
        task_id=str(headers.get("id") or uuid()),
        args=[gone(f"{size} bytes of {message.content_type}")],
        kwargs={},
        error=f"Nobody can read this message: {why}. The worker's log has its beginning.",
        traceback="",
        published=True,
        attempts=0,
        request_id=tracing.request_id_of(headers),
        one_row=False,
        at=timezone.now(),
    )


def _owner_by_name(name: str) -> str:
    return ownership.team_of_module(module=f"apps.{name}") or ownership.team_of_the_house()


def gone(value: Any = None) -> str:
    """Return what stands in a row for a value that must not, or cannot, be kept."""
    return f"{GONE}masked]" if value is None else f"{GONE}{_clean(repr(value))}]"


def _masked(*, name: str, args: Any, kwargs: Any) -> tuple[dict[str, Any], set[str]]:
    """Return the arguments without what is secret by its name, and those secrets."""
    secrets: set[str] = set()

    def hide(value: Any) -> None:
        if isinstance(value, dict | list | tuple | set | frozenset):
            for one in value.values() if isinstance(value, dict) else value:
                hide(one)
        elif value is not None and not isinstance(value, bool) and len(text := str(value)) > 3:
            # As it is, and as it is written in the `repr` of an error, in either kind of quotes.
            secrets.update((text, repr(text)[1:-1], repr(text + '"')[1:-2]))

    def keep(value: Any, *, called: str = "") -> Any:
        words = f"{called} {HUMP.sub(' ', called)}".lower()
        if SECRET_WORDS & set(re.split(r"[^a-z0-9]+", words)):
            hide(value)
            return gone()
        if isinstance(value, dict):
            return {str(key): keep(one, called=str(key)) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [keep(one) for one in value]
        # What PostgreSQL's JSON does not take.
        unfit = (isinstance(value, str) and value != _clean(value)) or (
            isinstance(value, float) and not math.isfinite(value)
        )
        return gone(value) if unfit else value

    task = current_app.tasks.get(name)
    names = list(inspect.signature(task.run).parameters) if task else []
    names += [""] * len(args or ())
    return {
        "args": [keep(one, called=called) for one, called in zip(args or (), names, strict=False)],
        "kwargs": keep(kwargs or {}),
    }, secrets


def _clean(text: str) -> str:
    """Return `text` as a database takes it."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
