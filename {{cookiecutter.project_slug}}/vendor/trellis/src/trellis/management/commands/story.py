"""`manage.py story REQUEST_ID`: what one request led to, in the web process and in the workers.

Reads logs as JSON lines: var/log/app.jsonl in development, or the named files; "-" is standard
input. In production: `docker compose logs --no-log-prefix web worker | manage.py story ID -`.
"""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from trellis.management import log_events

NO_DETAILS = {"timestamp", "event", "level", "logger", "request_id", "exception"}


class Command(BaseCommand):
    help = "Show from the logs what one request led to: its page, its tasks, their failures."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("request_id", help="from a mail, a page's headers, a failed task")
        parser.add_argument(
            "logs",
            nargs="*",
            default=[],  # otherwise argparse calls both required when the id is missing
            help='files of JSON lines; "-" is standard input',
        )

    def handle(self, *args: object, **options: Any) -> None:
        request_id = options["request_id"]
        paths = options["logs"] or [str(settings.LOG_FILE or "-")]
        events = [
            event
            for path in paths
            for event in log_events.read(path)
            if event.get("request_id") == request_id
        ]
        if not events:
            raise CommandError(f"No line in {', '.join(paths)} is about {request_id!r}.")
        for event in sorted(events, key=lambda event: str(event.get("timestamp", ""))):
            details = " ".join(
                f"{key}={value}" for key, value in event.items() if key not in NO_DETAILS
            )
            self.stdout.write(f"{event.get('timestamp', '')}  {event.get('event')}  {details}")
