"""Logs as structlog events: readable lines in development, one JSON object a line in production.

The request id that django-structlog binds in the web process travels with each task, so one
`grep` over the logs tells the whole story of a request.
"""

import logging.config
from typing import Any

import structlog

from conventions import ownership


def configure(*, level: str, as_json: bool) -> None:
    """Set up the standard library's logging and structlog to print the same lines.

    `level` is a name such as "INFO"; `as_json` chooses JSON over coloured text.
    """
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        add_owner,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.TimeStamper(fmt="iso" if as_json else "%H:%M:%S", utc=as_json),
    ]
    final: list[structlog.types.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if as_json
        else [structlog.dev.ConsoleRenderer()]
    )
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
                "line": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        *final,
                    ],
                    "foreign_pre_chain": shared,
                }
            },
            "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"handlers": ["console"], "level": level},
            "loggers": {
                "django.server": {"level": "WARNING"},  # django-structlog logs each request
                "celery.app.trace": {"level": "WARNING"},  # conventions.queueing logs each task
                "celery.worker.strategy": {"level": "WARNING"},
                "axes": {"level": "WARNING"},
            },
        }
    )


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
