"""`manage.py tasks`: every task, whose it is, when it runs, how it retries, when it last did."""

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
        parser.add_argument("--json", action="store_true", help="the same for programs, and more")

    def handle(self, *args: object, **options: object) -> None:
        cards = catalogue.catalogue(app=current_app, at=timezone.now())
        if options["json"]:
            self.stdout.write(json.dumps([asdict(card) for card in cards], default=str, indent=2))
            return
        rows = [_row(card) for card in cards]
        widths = [max(map(len, column)) for column in zip(HEADER, *rows, strict=True)]
        for row in (HEADER, *rows):
            line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.stdout.write(line.rstrip())


def _row(card: catalogue.Card) -> tuple[str, ...]:
    succeeded = _in_words(card.last_success)
    return (
        card.name,
        card.owner,
        card.queue,
        card.schedule,
        card.retries,
        f"{card.time_limit} s",
        f"{succeeded} LATE" if card.late else succeeded,
        _in_words(card.last_failure),
    )


def _in_words(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else "never"
