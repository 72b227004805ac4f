"""The tasks of the project: which there are, which are late, and what they declare in words."""

import copy
from datetime import datetime, timedelta
from typing import Any

from celery import Celery
from celery.schedules import crontab, maybe_schedule

from trellis.tasks import runs


def tasks_of(app: Celery) -> list[Any]:
    """Return all tasks but Celery's own, sorted by name."""
    app.autodiscover_tasks(force=True)
    app.finalize()
    return [task for name, task in sorted(app.tasks.items()) if not name.startswith("celery.")]


def late_tasks(*, app: Celery, at: datetime, since: datetime) -> list[str]:
    """Return the names of scheduled tasks whose last success is too long ago.

    A run was due, and could have waited until it expired and run until its limit. A task that never
    succeeded counts from `since`, such as the start of this process.
    """
    successes = runs.last_successes()
    late = []
    for task in tasks_of(app):
        if task.schedule is not None:
            schedule = copy.copy(maybe_schedule(task.schedule, app=app))
            schedule.nowfun = lambda: at
            overdue = -schedule.remaining_estimate(successes.get(task.name) or since)
            limit = task.time_limit or app.conf.task_time_limit
            if overdue > timedelta(seconds=(task.expires or 0) + limit):
                late.append(task.name)
    return late


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
