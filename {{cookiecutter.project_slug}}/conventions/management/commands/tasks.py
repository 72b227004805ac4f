"""`manage.py tasks`: every task, whose it is, when it runs and how it retries."""

from celery import current_app
from django.core.management.base import BaseCommand

from conventions import queueing


class Command(BaseCommand):
    help = "List every task with its owner, queue, schedule and retries."

    def handle(self, *args: object, **options: object) -> None:
        rows = [
            (card.name, card.owner, card.queue, card.schedule, card.retries, card.limit)
            for card in queueing.catalogue(current_app)
        ]
        header = ("TASK", "OWNER", "QUEUE", "SCHEDULE", "RETRIES", "LIMIT")
        widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
        for row in (header, *rows):
            line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.stdout.write(line.rstrip())
