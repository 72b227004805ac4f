"""What every task of this project shares, set once as `Celery(task_cls=queueing.Task)`.

Tasks are written in Celery's own words; `Task` adds the house rules, and the rest is by module:

    base.py       the class of every task, publishing after the commit, the queues, the schedule
    recording.py  what finally failed becomes a row (docs/adr/0009)
    failures.py   what is done with such a row: replayed, or discarded
    runs.py       the lease of a scheduled run, and when each task last succeeded
    catalogue.py  every task in words, and which are late
    worker.py     what a worker's main process knows of its messages; only workers load it
"""

from conventions.queueing.base import (
    LONGEST_COUNTDOWN,
    CountdownTooLong,
    Task,
    TaskOutOfMemory,
    beat_schedule,
    route,
)

__all__ = [
    "LONGEST_COUNTDOWN",
    "CountdownTooLong",
    "Task",
    "TaskOutOfMemory",
    "beat_schedule",
    "route",
]
