"""Logs as structlog events: readable lines in development, one JSON object a line in production.

The request id that django-structlog binds in the web process travels with each task, so
`manage.py story` tells from these lines what one request led to.
"""

import logging.config
import os
import sys
from pathlib import Path
from typing import Any

import structlog

from trellis import ownership

KEPT = 10_000_000  # bytes of JSON lines in a file, and as many of older ones beside it


def configure(*, level: str, as_json: bool, json_file: str = "") -> None:
    """Set up the standard library's logging and structlog to print the same lines.

    `level` is a name such as "INFO"; `as_json` chooses JSON over text, which is coloured on a
    terminal. With `json_file` they are written there as JSON, too.
    """
    if json_file:
        make_room(Path(json_file))
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        add_owner,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    json_line: list[structlog.types.Processor] = [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ]
    text_line: list[structlog.types.Processor] = [
        only_the_time,
        # The plain traceback: the other one shows local variables, and passwords are among them.
        structlog.dev.ConsoleRenderer(
            colors=colours_wanted(), exception_formatter=structlog.dev.plain_traceback
        ),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                name: {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        *final,
                    ],
                    "foreign_pre_chain": shared,
                }
                for name, final in (("json", json_line), ("text", text_line))
            },
            "handlers": {
                "console": {
                    "class": "logging.StreamHandler",
                    "formatter": "json" if as_json else "text",
                },
                "file": {
                    # Web, worker and beat write to one file, each line at once.
                    "class": "logging.handlers.WatchedFileHandler",
                    "filename": json_file or os.devnull,
                    "delay": True,
                    "formatter": "json",
                },
            },
            "root": {"handlers": ["console", *(["file"] if json_file else [])], "level": level},
            "loggers": {
                "django.server": {"level": "WARNING"},  # django-structlog logs each request
                "celery.app.trace": {"level": "WARNING"},  # trellis.tasks logs each task
                "celery.worker.strategy": {"level": "WARNING"},
                "axes": {"level": "WARNING"},
            },
        }
    )


def colours_wanted() -> bool:
    """Say whether to colour: a terminal, unless NO_COLOR is set, and whatever has FORCE_COLOR.

    (`make dev` reads what its processes say through pipes, and shows it on a terminal.)
    """
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or sys.stderr.isatty()


def make_room(path: Path) -> None:
    """See that there is a folder for a log, and put one aside that has grown long."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > KEPT:
        path.replace(path.with_suffix(".old.jsonl"))


def only_the_time(logger: Any, method: str, event: structlog.typing.EventDict) -> Any:
    """Show hours, minutes and seconds: who watches a terminal knows the day."""
    event["timestamp"] = event["timestamp"][11:19]
    return event


def add_owner(logger: Any, method: str, event: structlog.typing.EventDict) -> Any:
    """Say on each line that an app's code logs which team owns that app."""
    if team := ownership.team_of_module(module=event.get("logger", "")):
        event.setdefault("owner", team)
    return event


def tag_owner(event: Any, hint: Any) -> Any:
    """Tag a Sentry event with the team of the app whose code raised or, without error, logged it.

    The innermost code of ours counts: an error may pass through Django and other apps.
    """
    modules = [event.get("logger")]
    for error in event.get("exception", {}).get("values", []):
        frames = (error.get("stacktrace") or {}).get("frames", [])
        modules += [frame.get("module") for frame in frames]
    for module in reversed(modules):
        if team := ownership.team_of_module(module=module or ""):
            event.setdefault("tags", {})["owner"] = team
            break
    return event
