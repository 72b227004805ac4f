"""Every task of the project in words: owner, schedule, retries, limits and last runs."""

import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from celery import Celery
from celery.schedules import crontab, maybe_schedule
from django.db.models import Max

from trellis.models import FailedTask
from trellis.tasks import runs


@dataclass(frozen=True)
class Entry:
    """One task in words."""

    name: str
    owner: str
    queue: str
    schedule: str
    retries: str
    time_limit: int  # seconds
    last_success: datetime | None
    last_failure: datetime | None
    late: bool


def entries(*, app: Celery, at: datetime) -> list[Entry]:
    """Return an entry for each task of the project, sorted by name."""
    successes = runs.last_successes()
    failures = dict(
        FailedTask.objects.order_by()
        .values("name")
        .annotate(last=Max("last_failed_at"))
        .values_list("name", "last")
    )
    return [
        Entry(
            name=task.name,
            owner=task.owner,
            queue=task.queue_name or app.conf.task_default_queue,
            schedule=schedule_in_words(task.schedule, timezone=app.conf.timezone),
            retries=retries_in_words(task),
            time_limit=round(task.time_limit or app.conf.task_time_limit),
            last_success=successes.get(task.name),
            last_failure=failures.get(task.name),
            late=_is_late(task, app=app, last=successes.get(task.name), at=at),
        )
        for task in tasks_of(app)
    ]


def late_tasks(*, app: Celery, at: datetime, since: datetime) -> list[str]:
    """Return the names of scheduled tasks whose last success is too long ago.

    A task that never succeeded counts from `since`, such as the start of this process.
    """
    successes = runs.last_successes()
    return [
        task.name
        for task in tasks_of(app)
        if _is_late(task, app=app, last=successes.get(task.name) or since, at=at)
    ]


def tasks_of(app: Celery) -> list[Any]:
    """Return all tasks but Celery's own, sorted by name."""
    app.autodiscover_tasks(force=True)
    app.finalize()
    return [task for name, task in sorted(app.tasks.items()) if not name.startswith("celery.")]


def _is_late(task: Any, *, app: Celery, last: datetime | None, at: datetime) -> bool:
    """Whether a run was due, and could have waited until it expired and run until its limit."""
    if task.schedule is None or last is None:
        return False
    schedule = copy.copy(maybe_schedule(task.schedule, app=app))
    schedule.nowfun = lambda: at
    overdue = -schedule.remaining_estimate(last)
    limit = task.time_limit or app.conf.task_time_limit
    return bool(overdue > timedelta(seconds=(task.expires or 0) + limit))


def schedule_in_words(schedule: Any, *, timezone: str) -> str:
    """Return when a task runs, such as "every 5 minutes" or "cron 0 3 * * * UTC"."""
    match schedule:
        case None:
            return "on demand"
        case timedelta():
            return f"every {_duration(schedule.total_seconds())}"
        case crontab():
            fields = str(schedule).removeprefix("<crontab: ").partition(" (")[0]
            return f"cron {fields} {timezone}"
    return str(schedule)


def retries_in_words(task: Any) -> str:
    """Return how often a task retries and after which errors: "5, on OSError"."""
    if not task.max_retries:
        return "none"
    on = " or ".join(error.__name__ for error in getattr(task, "autoretry_for", ()))
    return f"{task.max_retries}, on {on or 'a lost worker'}"


def _duration(seconds: float) -> str:
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")):
        if seconds % size == 0:
            count = round(seconds / size)
            return unit if count == 1 else f"{count} {unit}s"
    return f"{seconds} seconds"
