"""`manage.py slow`: which views cost most, out of the log.

Reads JSON lines: those of var/log/app.jsonl in development, or a file that is named; "-" is the
standard input.
"""

import json
import statistics
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

HEADER = ("VIEW", "REQUESTS", "SECONDS", "P50 MS", "P95 MS", "QUERIES P50", "QUERIES MAX")


class View(NamedTuple):
    """What the requests of one view have cost."""

    name: str
    requests: int
    seconds: float
    p50: float
    p95: float
    queries_p50: int
    queries_max: int


class Command(BaseCommand):
    help = "List the views by the time they took in all, dearest first, from a log of JSON lines."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("log", nargs="?", help='a file of JSON lines; "-" reads standard input')

    def handle(self, *args: object, log: str | None, **options: object) -> None:
        path = log or str(settings.LOG_FILE or "-")
        try:
            with (
                Path(path).open(errors="replace")
                if path != "-"
                else nullcontext(sys.stdin) as lines
            ):
                views = dearest(finished(lines))
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from None
        if not views:
            raise CommandError(
                f"No finished request in {path}. Use the site first; and the log must be JSON"
                " lines: set LOG_JSON=1 where the web server runs, or name a file that has them."
            )
        rows = [HEADER, *(tuple(_shown(cell) for cell in view) for view in views)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for name, *figures in rows:
            cells = [cell.rjust(width) for cell, width in zip(figures, widths[1:], strict=True)]
            self.stdout.write("  ".join([name.ljust(widths[0]), *cells]))


def finished(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield what each finished request said, whatever stands before it on its line."""
    for line in lines:
        try:
            said = json.loads(line[line.index("{") :])
        except ValueError:
            continue
        if said.get("event") == "request_finished" and "duration_ms" in said:
            yield said


def dearest(requests: Iterable[dict[str, Any]]) -> list[View]:
    """Return the cost of each view, the one that took most time in all first."""
    by_view: dict[str, list[dict[str, Any]]] = {}
    for request in requests:
        by_view.setdefault(request["view"] or "(no such address)", []).append(request)
    views = []
    for name, seen in by_view.items():
        times = sorted(request["duration_ms"] for request in seen)
        queries = [request["queries"] for request in seen]
        views.append(
            View(
                name=name,
                requests=len(seen),
                seconds=sum(times) / 1000,
                p50=statistics.median(times),
                p95=times[round(0.95 * (len(times) - 1))],
                queries_p50=statistics.median_low(queries),
                queries_max=max(queries),
            )
        )
    return sorted(views, key=lambda view: view.seconds, reverse=True)


def _shown(cell: str | float) -> str:
    return f"{cell:.1f}" if isinstance(cell, float) else str(cell)
