"""Logging: readable lines in development, one JSON object a line in production.

The standard library's loggers and structlog's write the same lines, with the request id and the
owner of the app that logs. Web processes, workers and commands use the same configuration.
"""

import logging.config
import os
import re
import sys
from pathlib import Path
from typing import Any

import structlog

from trellis import ownership
from trellis.env import WrongEnvironment

MAX_FILE_BYTES = 10_000_000
# A part of a path that is longer than a UUID: a token works like a password while it is valid.
TOKEN = re.compile(r"(?<!//)(?<=/)[^/\s]{37,}")  # no host: that stands after two slashes


def configure(*, level: str, as_json: bool, json_file: str = "") -> None:
    """Configure logging and structlog.

    `level` is a level's name, such as "INFO". `as_json` chooses JSON over text on the console. If
    `json_file` is a path, the lines are written there as well, as JSON.
    """
    every_line: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        add_owner,
        hide_tokens,
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *every_line,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    # Plain tracebacks: structlog's others show local variables, which include passwords.
    text: list[structlog.types.Processor] = [
        structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=True),
        structlog.dev.ConsoleRenderer(
            colors=_use_colors(), exception_formatter=structlog.dev.plain_traceback
        ),
    ]
    json: list[structlog.types.Processor] = [
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ]
    console = {"class": "logging.StreamHandler", "formatter": "json" if as_json else "text"}
    handlers: dict[str, dict[str, Any]] = {"console": console}
    if json_file:
        _prepare_file(Path(json_file))
        handlers["file"] = {
            "class": "logging.handlers.WatchedFileHandler",  # several processes append to it
            "filename": json_file,
            "delay": True,
            "formatter": "json",
        }
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "text": _formatter(text, before=every_line),
                "json": _formatter(json, before=every_line),
            },
            "handlers": handlers,
            "root": {"handlers": list(handlers), "level": level},
            "loggers": {
                "django.server": {"level": "WARNING"},  # django-structlog logs each request
                "celery.app.trace": {"level": "WARNING"},  # trellis.tasks logs each task
                "celery.worker.strategy": {"level": "WARNING"},
            },
        }
    )


def _formatter(
    processors: list[structlog.types.Processor], *, before: list[structlog.types.Processor]
) -> dict[str, Any]:
    """Return a formatter for `dictConfig`. `before` runs on lines of the standard library."""
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return {
        "()": structlog.stdlib.ProcessorFormatter,
        "processors": [remove_meta, *processors],
        "foreign_pre_chain": before,
    }


def _use_colors() -> bool:
    """On a terminal, or with FORCE_COLOR (`make dev` reads its processes through pipes)."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or sys.stderr.isatty()


def _prepare_file(path: Path) -> None:
    """Create the log's folder. Rename a log that has grown too long, over an older one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > MAX_FILE_BYTES:
            path.replace(path.with_suffix(".old.jsonl"))
    except OSError as error:
        raise WrongEnvironment(f"LOG_FILE cannot be written: {error.strerror}.") from None


def add_owner(logger: Any, method: str, event: structlog.typing.EventDict) -> Any:
    """Add the owner of the app whose code logs the line."""
    if team := ownership.team_of_module(module=event.get("logger", "")):
        event.setdefault("owner", team)
    return event


def hide_tokens(logger: Any, method: str, event: structlog.typing.EventDict) -> Any:
    """Hide tokens in the paths that Django logs, as in "Not Found: /sign-up/…/"."""
    if hasattr(event.get("_record"), "request"):
        event["event"] = TOKEN.sub("…", event["event"])
    return event
