"""Connect a project's Celery application to this library.

config/celery.py calls it while Django's settings load, so nothing here imports a model.
"""

from typing import Any

import django
from celery import Celery
from celery.signals import setup_logging
from django.apps import apps
from kombu.transport import TRANSPORT_ALIASES


def connect(app: Celery) -> None:
    """Let `app` use our brokers, our logging, and the schedules that tasks declare.

    An entry of `beat_schedule` that was set by hand stays as it is.
    """
    # Loaded only when they are used: one needs Linux or macOS, the other needs redis.
    TRANSPORT_ALIASES["local"] = "trellis.local_broker:Transport"
    TRANSPORT_ALIASES["redis"] = "trellis.redis_broker:Transport"
    TRANSPORT_ALIASES["rediss"] = "trellis.redis_broker:Transport"
    setup_logging.connect(_keep_logging, weak=False)
    app.on_after_finalize.connect(_plan_scheduled_tasks, weak=False)


def _keep_logging(**_: object) -> None:
    """Keep Celery from replacing what trellis.logs has set up: a receiver is enough."""


def _plan_scheduled_tasks(sender: Celery, **_: Any) -> None:
    if not apps.ready:  # in commands of Celery that import no tasks, such as `inspect`
        django.setup()
    sender.autodiscover_tasks(force=True)
    sender.conf.beat_schedule = declared_schedule(sender) | sender.conf.beat_schedule


def declared_schedule(app: Celery) -> dict[str, dict[str, Any]]:
    """Return an entry of Celery's `beat_schedule` for each task that declares `schedule=`.

    A run that could not start before it `expires` is dropped: the next one does its work.
    """
    return {
        task.name: {
            "task": task.name,
            "schedule": task.schedule,
            "options": {"expires": task.expires},
        }
        for task in app.tasks.values()
        if getattr(task, "schedule", None) is not None
    }


def route(name: str, *args: Any, task: Any = None, **kwargs: Any) -> dict[str, str] | None:
    """Celery's router (`task_routes`): send a task to the queue it states."""
    queue = getattr(task, "queue_name", "")
    return {"queue": queue} if queue else None
