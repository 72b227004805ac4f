"""`manage.py slow`: which views take most of the time, from the log."""

import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

ROW = "{:<40} {:>8} {:>9} {:>8} {:>8} {:>11} {:>11}"
HEADER = ROW.format("VIEW", "REQUESTS", "SECONDS", "P50 MS", "P95 MS", "QUERIES P50", "QUERIES MAX")


class Command(BaseCommand):
    help = "List the views by the time that all their requests took, from a log of JSON lines."

    def add_arguments(self, parser: CommandParser) -> None:
        default = str(settings.LOG_FILE or "-")
        parser.add_argument("log", nargs="?", default=default, help='"-" reads standard input')

    def handle(self, *args: object, log: str, **options: object) -> None:
        try:
            with (
                nullcontext(sys.stdin) if log == "-" else Path(log).open(errors="replace") as lines
            ):
                views = finished_requests(lines)
        except OSError as error:
            raise CommandError(f"Cannot read {log}: {error.strerror}.") from None
        if not views:
            raise CommandError(
                f"{log} has no finished request. Use the site first. The lines must be JSON: set"
                " LOG_JSON=1 where the web server runs."
            )
        self.stdout.write(HEADER)
        for view, requests in sorted(views.items(), key=lambda item: -seconds_of(item[1])):
            times = sorted(request["duration_ms"] for request in requests)
            queries = [request["queries"] for request in requests]
            p95 = times[round(0.95 * (len(times) - 1))]
            figures = (seconds_of(requests), statistics.median(times), p95)
            self.stdout.write(
                ROW.format(
                    view,
                    len(requests),
                    *(f"{figure:.1f}" for figure in figures),
                    statistics.median_low(queries),
                    max(queries),
                )
            )


def finished_requests(lines: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the `request_finished` events of a log, by view. Other lines are skipped."""
    views = defaultdict(list)
    for line in lines:
        try:
            event = json.loads(
                line[line.index("{") :]
            )  # a prefix such as "web.1 |" may stand before
        except ValueError:
            continue
        if event.get("event") == "request_finished" and "duration_ms" in event:
            views[event["view"] or "(no view)"].append(event)
    return views


def seconds_of(requests: list[dict[str, Any]]) -> float:
    milliseconds: float = sum(request["duration_ms"] for request in requests)
    return milliseconds / 1000
