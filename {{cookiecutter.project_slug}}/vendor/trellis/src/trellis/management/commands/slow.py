"""`manage.py slow`: which views take most of the time, from the log."""

import statistics
from collections import defaultdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from trellis.management import log_events

ROW = "{:<40} {:>8} {:>9.1f} {:>8.1f} {:>8.1f} {:>11} {:>11}"
HEADER = f"{'VIEW':<40} REQUESTS   SECONDS   P50 MS   P95 MS QUERIES P50 QUERIES MAX"


class Command(BaseCommand):
    help = "List the views by the time that all their requests took, from a log of JSON lines."

    def add_arguments(self, parser: CommandParser) -> None:
        default = str(settings.LOG_FILE or "-")
        parser.add_argument("log", nargs="?", default=default, help='"-" reads standard input')

    def handle(self, *args: object, log: str, **options: object) -> None:
        views: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for event in log_events.read(log):
            if event.get("event") == "request_finished" and "duration_ms" in event:
                views[event["view"] or "(no view)"].append(event)
        if not views:
            raise CommandError(
                f"{log} has no finished request. Use the site first. The lines must be JSON: set"
                " LOG_JSON=1 where the web server runs."
            )
        rows = [row_of(view, requests) for view, requests in views.items()]
        self.stdout.write(HEADER)
        for row in sorted(rows, key=lambda row: -row[2]):
            self.stdout.write(ROW.format(*row))


def row_of(view: str, requests: list[dict[str, Any]]) -> tuple[Any, ...]:
    """Return the figures of a view in the order of the columns."""
    times = sorted(request["duration_ms"] for request in requests)
    queries = [request["queries"] for request in requests]
    p95 = times[round(0.95 * (len(times) - 1))]
    in_all = sum(times) / 1000  # seconds
    p50 = statistics.median(times)
    return view, len(times), in_all, p50, p95, statistics.median_low(queries), max(queries)
