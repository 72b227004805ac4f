"""What is done with a failed task (recording.py): it is replayed, or discarded."""

import inspect
from collections.abc import Hashable
from typing import Any

import structlog
from celery import current_app
from django.db import transaction
from structlog.contextvars import bound_contextvars

from trellis import errors
from trellis.models import REDACTED, FailedTask

logger = structlog.get_logger(__name__)

BATCH = 500  # unpublished messages that are published in one go


class NoSuchFailure(errors.NotFound):
    """There is no such failed task."""


class NotOpen(errors.Conflict):
    """This failed task was replayed or discarded already."""


class NotReplayable(errors.Conflict):
    """This task cannot be run again with the arguments that were stored."""


class BrokerAway(errors.Conflict):
    """The broker takes no messages now. The row stays open."""


def given_up(*, name: str, argument: str) -> set[Any]:
    """Return the values of the keyword `argument` with which a task failed and was not replayed.

    A sweep skips them: somebody has to look at them, or has discarded them. Values that a set
    cannot hold (lists, dictionaries) are left out.
    """
    rows = FailedTask.objects.filter(name=name).exclude(state=FailedTask.State.REPLAYED)
    values = (row.kwargs.get(argument) for row in rows.only("kwargs").iterator())
    return {value for value in values if isinstance(value, Hashable)} - {None}


def count_open() -> int:
    """Return how many failed tasks wait for somebody."""
    return FailedTask.objects.filter(state=FailedTask.State.OPEN).count()


def replay(*, failure_id: int, by: str) -> None:
    """Publish a failed task again, under its own id; `by` goes into the log.

    If two do it at the same time, one publishes: the row is locked until the message is out. So
    the message is published before the commit, unlike everywhere else. If this process dies in
    between, the row is still open, and a second replay runs the task twice, which is harmless.

    Raises `NoSuchFailure`, `NotOpen`, `NotReplayable` or `BrokerAway`.
    """
    with transaction.atomic():
        row = _close(failure_id=failure_id, state=FailedTask.State.REPLAYED)
        task = _task_to_replay(row)
        try:
            with bound_contextvars(request_id=row.request_id or row.task_id):
                task.apply_async(row.args, row.kwargs, task_id=row.task_id)
        except Exception as error:
            raise BrokerAway(f"The broker does not take the message: {error}") from error
    logger.info("task_replayed", task=row.name, task_id=row.task_id, owner=row.owner, by=by)


def discard(*, failure_id: int, by: str) -> None:
    """Note that nothing more is to be done. Raises `NoSuchFailure` or `NotOpen`."""
    with transaction.atomic():
        row = _close(failure_id=failure_id, state=FailedTask.State.DISCARDED)
    logger.info("task_discarded", task=row.name, task_id=row.task_id, owner=row.owner, by=by)


def _close(*, failure_id: int, state: str) -> FailedTask:
    """Change the state of an open row. If two do it at the same time, one succeeds."""
    open_row = FailedTask.objects.filter(pk=failure_id, state=FailedTask.State.OPEN)
    closed = open_row.update(state=state)
    row = FailedTask.objects.filter(pk=failure_id).first()
    if row is None:
        raise NoSuchFailure(f"There is no failed task {failure_id}.")
    if not closed:
        raise NotOpen(f"Failed task {failure_id} was {row.get_state_display()} already.")
    return row


def _task_to_replay(row: FailedTask) -> Any:
    if REDACTED in repr([row.args, row.kwargs]):
        raise NotReplayable(
            f"An argument of {row.name} was not stored, because it is secret or no plain value."
            " Do by hand what the task was to do, then discard this."
        )
    task = current_app.tasks.get(row.name)
    if task is None:
        raise NotReplayable(
            f"There is no task {row.name} (any more). Deploy the code that has it, or discard this."
        )
    try:
        inspect.signature(task.run).bind(*row.args, **row.kwargs)
    except TypeError as error:
        raise NotReplayable(
            f"{row.name} takes other arguments now: {error}. Do by hand what the task was to do,"
            " then discard this."
        ) from None
    return task


def republish_unpublished(*, by: str) -> int:
    """Publish what the broker did not take, oldest first. Return how many messages it takes now."""
    rows = FailedTask.objects.filter(
        state=FailedTask.State.OPEN, kind=FailedTask.Kind.UNPUBLISHED
    ).order_by("last_failed_at")
    published = 0
    for failure_id in list(rows.values_list("pk", flat=True)[:BATCH]):
        try:
            replay(failure_id=failure_id, by=by)
            published += 1
        except NotReplayable as error:
            # Somebody has to look at it: to try again every minute would change nothing.
            rows.filter(pk=failure_id).update(kind=FailedTask.Kind.FAILED, error=str(error)[:500])
        except BrokerAway:
            break
        except NotOpen:
            continue
    return published
