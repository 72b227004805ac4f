"""`manage.py tasks`: every task with its owner, queue, schedule, retries, limit and last runs."""

import json
from dataclasses import asdict
from datetime import datetime

from celery import current_app
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from trellis.tasks import catalogue

HEADER = ("TASK", "OWNER", "QUEUE", "SCHEDULE", "RETRIES", "LIMIT", "SUCCEEDED", "FAILED")


class Command(BaseCommand):
    help = "List every task with its owner, queue, schedule, retries, limit and last runs (UTC)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="as JSON, with more details")

    def handle(self, *args: object, **options: object) -> None:
        entries = catalogue.entries(app=current_app, at=timezone.now())
        if options["json"]:
            listing = [asdict(entry) for entry in entries]
            self.stdout.write(json.dumps(listing, default=str, indent=2))
            return
        rows = [HEADER, *map(_row, entries)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.stdout.write(line.rstrip())


def _row(entry: catalogue.Entry) -> tuple[str, ...]:
    succeeded = _minute(entry.last_success)
    return (
        entry.name,
        entry.owner,
        entry.queue,
        entry.schedule,
        entry.retries,
        f"{entry.time_limit} s",
        f"{succeeded} LATE" if entry.late else succeeded,
        _minute(entry.last_failure),
    )


def _minute(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else "never"
