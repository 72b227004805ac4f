"""What is remembered of runs: when each task last succeeded, and the lease of a scheduled one.

The policy of the lease: one run of a scheduled task at a time. A second one, while the first is
on, is skipped, for the next does its work. A lease ends with its run, at the latest a little after
the task's time limit has killed it; so a worker that dies holds up its task for that long and no
longer (and not at all where only a child died and the task has failed). A message that comes again
because its own worker died waits for just that.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from trellis.models import LastRun

MARGIN = timedelta(seconds=10)  # between a task's hard time limit and the end of its lease


def take_lease(*, name: str, task_id: str, at: datetime, time_limit: float) -> bool:
    """Try to become the one run of a scheduled task. Returns whether it worked."""
    lease = {"leased_to": task_id, "leased_until": at + timedelta(seconds=time_limit) + MARGIN}
    free = Q(leased_until=None) | Q(leased_until__lte=at)
    if LastRun.objects.filter(free, name=name).update(**lease):
        return True
    return LastRun.objects.get_or_create(name=name, defaults=lease)[1]


def holder_of(*, name: str) -> tuple[str, datetime | None]:
    """Return whose the lease is, and until when."""
    row = LastRun.objects.get(name=name)
    return row.leased_to, row.leased_until


def end_lease(*, name: str, task_id: str, succeeded_at: datetime | None) -> None:
    """Give a lease back, unless it is somebody else's by now, and note a success."""
    values: dict[str, Any] = {"leased_to": "", "leased_until": None}
    if succeeded_at:
        values["succeeded_at"] = succeeded_at
    LastRun.objects.filter(name=name, leased_to=task_id).update(**values)


def note_success(*, name: str, at: datetime) -> None:
    """Remember when a task last succeeded."""
    LastRun.objects.update_or_create(name=name, defaults={"succeeded_at": at})
