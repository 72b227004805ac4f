"""What is sent to Sentry: each error once, with owner and request id, and without addresses.

structlog's lines reach Sentry as dicts with all of the log's context, the visitor's IP address
among it, and Sentry would make one issue of each.
"""

import re
from typing import Any

from trellis import logs, ownership, tracing

# Lines about an error that Sentry's integrations for Django and Celery send with its traceback ...
SENT_ALREADY = {"request_failed", "task_failed"}
# ... but for these, which the main process of a worker notices.
NOT_SEEN = ("WorkerLostError(", "TimeLimitExceeded(")


def before_send(event: Any, hint: Any) -> Any:
    """Add owner, request id and task to an event; return None for what was sent already.

    The owner is that of the innermost app in the traceback; without one, of the app that logged.
    """
    line = _structlog_line(hint)
    if line:
        if line["event"] in SENT_ALREADY and not str(line.get("error")).startswith(NOT_SEEN):
            return None
        event["logentry"] = {"message": line["event"]}
    _remove_secrets(event.get("request", {}))
    modules = [event.get("logger")]
    for error in event.get("exception", {}).get("values", []):
        error["value"] = re.sub(r"://[^\s/]+@", "://…@", error.get("value") or "")  # a password
        frames = (error.get("stacktrace") or {}).get("frames", [])
        modules += [frame.get("module") for frame in frames]
    teams = [ownership.team_of_module(module=module or "") for module in reversed(modules)]
    tags = {
        "owner": next(filter(None, teams), line.get("owner")),
        "request_id": tracing.request_id(),  # for `manage.py story`
        "task": line.get("task"),
    }
    if tags := {name: tag for name, tag in tags.items() if tag}:
        event.setdefault("tags", {}).update(tags)
    return event


def before_breadcrumb(crumb: Any, hint: Any) -> Any:
    """Keep the name of a log line that came before an error, and not its context."""
    if line := _structlog_line(hint):
        crumb["message"] = line["event"]
    return crumb


def _remove_secrets(request: dict[str, Any]) -> None:
    """Remove from the URLs of a request what works like a password, or may hold one."""
    request.pop("query_string", None)
    request.get("headers", {}).pop("Referer", None)
    if "url" in request:
        request["url"] = logs.TOKEN.sub("…", request["url"].partition("?")[0])


def _structlog_line(hint: Any) -> dict[str, Any]:
    text = getattr(hint.get("log_record"), "msg", None)
    return text if isinstance(text, dict) and "event" in text else {}
