"""The project's own settings, with this app, and with a queue that no other test uses."""

import os
from logging import INFO, LogRecord, getLogger

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "parcels"]
CELERY_TASK_DEFAULT_QUEUE = os.environ["PARCELS_QUEUE"]
if seconds := os.environ.get("PARCELS_SHUTDOWN"):
    CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = float(seconds)


def of_the_bare_task(record: LogRecord) -> bool:
    """Let Celery's own lines through for the task that is not of our class.

    So each of the two that race is told of in two lines: ours in its own, the other in Celery's.
    """
    return "parcels.bare" in record.getMessage()


for name in ("celery.app.trace", "celery.worker.strategy"):
    logger = getLogger(name)
    logger.setLevel(INFO)
    logger.addFilter(of_the_bare_task)
