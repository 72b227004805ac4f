"""`manage.py tasks`: every task with its owner, queue, schedule, retries, limit and last runs."""

from datetime import datetime

from celery import current_app
from django.core.management.base import BaseCommand
from django.db.models import Max
from django.utils import timezone

from trellis.models import FailedTask
from trellis.tasks import catalogue, runs

HEADER = ("TASK", "OWNER", "QUEUE", "SCHEDULE", "RETRIES", "LIMIT", "SUCCEEDED", "FAILED")


class Command(BaseCommand):
    help = "List every task with its owner, queue, schedule, retries, limit and last runs (UTC)."

    def handle(self, *args: object, **options: object) -> None:
        now, conf = timezone.now(), current_app.conf
        late = catalogue.late_tasks(app=current_app, at=now, since=now)
        successes = runs.last_successes()
        failed = FailedTask.objects.order_by().values("name").annotate(last=Max("last_failed_at"))
        failures = dict(failed.values_list("name", "last"))
        rows = [HEADER]
        for task in catalogue.tasks_of(current_app):
            succeeded = _minute(successes.get(task.name))
            rows.append(
                (
                    task.name,
                    task.owner,
                    task.queue_name or conf.task_default_queue,
                    catalogue.schedule_in_words(task.schedule, timezone=conf.timezone),
                    catalogue.retries_in_words(task),
                    f"{task.time_limit or conf.task_time_limit:.0f} s",
                    f"{succeeded} LATE" if task.name in late else succeeded,
                    _minute(failures.get(task.name)),
                )
            )
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.stdout.write(line.rstrip())


def _minute(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else "never"
