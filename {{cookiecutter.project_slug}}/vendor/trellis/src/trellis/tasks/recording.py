"""What finally failed becomes a row, without its secrets, for whoever is on call (failures.py).

Receivers of Celery's signals write most rows. (They are Celery's, not Django's; and `on_failure` is
not called for a worker that was lost.) A message that could not be published is recorded by who
publishes it, and one that nobody can read by the worker's consumer (worker.py).
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
from celery.utils import uuid
from django.db import connection
from django.utils import timezone

from trellis import ownership, tracing
from trellis.models import REDACTED, Claim, FailedTask
from trellis.tasks import claims

logger = structlog.get_logger(__name__)

SECRET_WORDS = {
    *("password", "passwd", "passphrase", "secret", "secrets", "token", "tokens", "key", "keys"),
    *("apikey", "authorization", "credential", "credentials", "cookie", "otp"),
}
HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")  # between the words of accessToken


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
    with _in_nobodys_way(task=task.name, task_id=task_id):
        _upsert(
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


@contextlib.contextmanager
def _in_nobodys_way(**about: str) -> Iterator[None]:
    """Write a row. It must hide neither the failure itself nor what else is to be done."""
    try:
        # A worker's main process, too, records failures, and hours may lie between two of them.
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
        yield
    except Exception:
        logger.exception("task_failure_not_recorded", **about)


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
    owner: str,
    request_id: str,
) -> None:
    masked, secrets = _masked(name=name, args=args, kwargs=kwargs)
    for secret in sorted(secrets, key=len, reverse=True):  # the whole before what is part of it
        error, traceback = error.replace(secret, gone()), traceback.replace(secret, gone())
    name, task_id = _fit(name, column="name"), _fit(task_id, column="task_id")
    if FailedTask.objects.filter(task_id=task_id).exclude(name=name).exists():
        # Whatever has taken the id of another task must not take its row.
        error, task_id = f"(Its id {task_id!r:.100} is another task's.) {error}", uuid()
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
        "owner": _fit(owner, column="owner"),
        "request_id": _fit(request_id, column="request_id"),
        "state": FailedTask.State.OPEN,
        "kind": FailedTask.Kind.FAILED if published else FailedTask.Kind.UNPUBLISHED,
        "attempts": attempts,
        "error": _fit(error, column="error"),
        "traceback": _fit(traceback, column="traceback"),
        "last_failed_at": at,
        **masked,
    }
    FailedTask.objects.update_or_create(
        defaults=values, create_defaults=values | {"first_failed_at": at}, **which
    )


def _fit(text: str, *, column: str) -> str:
    """Return of a text what a column of a row takes: PostgreSQL refuses what does not fit."""
    longest = {field.name: field.max_length for field in FailedTask._meta.fields}
    return _clean(text)[: longest[column]]


@signals.task_failure.connect(weak=False, dispatch_uid="trellis.record_failures")
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
            lease = Claim(name=sender.name, key=claims.LEASE, holder=task_id)
            claims.release(lease, at=timezone.now())


@signals.task_unknown.connect(weak=False, dispatch_uid="trellis.record_unknown_tasks")
def record_unknown_tasks(
    sender: Any = None, name: str = "", message: Any = None, **others: Any
) -> None:
    """Keep a row of a message whose task this worker does not know; Celery drops it."""
    try:
        args, kwargs = _arguments_of(message)
    except Exception as error:
        why = f"its task is unknown, and its arguments cannot be had: {error}"
        record_unreadable(message=message, why=why, name=name)
        return
    with _in_nobodys_way(task=name):
        name = str(name)
        _upsert(
            name=name,
            owner=_owner_by_name(name),
            task_id=str(others["id"]),
            args=args,
            kwargs=kwargs,
            error="No such task. Is this worker older than the code, or was a task renamed?",
            traceback="",
            published=True,
            attempts=0,
            request_id=tracing.request_id_of(message.headers),
            one_row=False,
            at=timezone.now(),
        )


def _arguments_of(message: Any) -> tuple[list[Any], dict[str, Any]]:
    """Return what a message has for its task. Raises, whatever it likes, where that is unclear."""
    args, kwargs, _embed = message.payload
    if not isinstance(args, list | tuple) or not isinstance(kwargs, dict):
        raise TypeError("they are no list and no dict")
    return list(args), kwargs


def record_unreadable(*, message: Any, why: str, name: str = "") -> None:
    """Keep a row of a message that nobody can read, without its body: secrets could be in it."""
    with _in_nobodys_way(why=why):
        headers = message.headers if isinstance(message.headers, dict) else {}
        name = str(name or headers.get("task") or "(no task)")
        size = len(message.body or b"")
        _upsert(
            name=name,
            owner=_owner_by_name(name),
            task_id=uuid(),  # the one it claims may have a row that can be read
            args=[gone(f"{size} bytes of {message.content_type}")],
            kwargs={},
            error=f"Nobody can read this message: {why:.200}. The worker's log has its beginning."
            f" It says its id is {headers.get('id')!r:.100}.",
            traceback="",
            published=True,
            attempts=0,
            request_id=tracing.request_id_of(headers),
            one_row=False,
            at=timezone.now(),
        )


def _owner_by_name(name: str) -> str:
    module = f"apps.{_clean(name)}"  # which becomes a path
    return ownership.team_of_module(module=module) or ownership.default_team()


def gone(value: Any = None) -> str:
    """Return what stands in a row for a value that must not, or cannot, be kept."""
    return f"{REDACTED}masked]" if value is None else f"{REDACTED}{_clean(repr(value))}]"


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
            return {fit(str(key)): keep(one, called=str(key)) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [keep(one) for one in value]
        return fit(value)

    def fit(value: Any) -> Any:
        match value:  # what PostgreSQL's JSON does not take
            case str():
                unfit = value != _clean(value)
            case bytes():
                unfit = b"\0" in value
            case float():
                unfit = not math.isfinite(value)
            case _:
                unfit = False
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
