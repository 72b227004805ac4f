"""`manage.py story REQUEST_ID`: what one request led to, in the web and in the workers.

Reads JSON lines: those of var/log/app.jsonl in development, or the files that are named; "-" is
the standard input. In production logs go to wherever the platform takes them, so it is
`docker compose logs --no-log-prefix web worker | manage.py story REQUEST_ID -`.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

SAID_BEFORE = {"timestamp", "event", "level", "logger", "request_id", "exception"}


class Command(BaseCommand):
    help = "Tell what one request led to, from the logs: its pages, its tasks, their failures."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("request_id", help="from a mail, a page's headers, a failed task")
        parser.add_argument(
            "logs",
            nargs="*",
            default=[],  # without it argparse says, where the id is missing, that both are required
            help='files of JSON lines; "-" reads standard input',
        )

    def handle(self, *args: object, **options: Any) -> None:
        wanted = options["request_id"]
        paths = options["logs"] or [str(settings.LOG_FILE or "-")]
        events = [event for path in paths for event in _events(path, about=wanted)]
        if not events:
            raise CommandError(f"No line in {', '.join(paths)} is about {wanted!r}.")
        for event in sorted(events, key=lambda event: str(event.get("timestamp", ""))):
            details = " ".join(
                f"{key}={value}" for key, value in event.items() if key not in SAID_BEFORE
            )
            self.stdout.write(f"{event.get('timestamp', '')}  {event.get('event')}  {details}")


def _events(path: str, *, about: str) -> Iterator[dict[str, Any]]:
    """Yield the lines of a log that carry a request id. Raises `CommandError`."""
    try:
        with Path(path).open(errors="replace") if path != "-" else nullcontext(sys.stdin) as lines:
            for line in lines:
                event = _event(line) if about in line else {}
                if event.get("request_id") == about:
                    yield event
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from None


def _event(line: str) -> dict[str, Any]:
    """Return what a line says; nothing where it is none of ours, or half of one."""
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}
