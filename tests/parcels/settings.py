"""The project's own settings, with this app, and with a queue that no other test uses."""

import os

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "parcels"]
CELERY_TASK_DEFAULT_QUEUE = os.environ["PARCELS_QUEUE"]
if seconds := os.environ.get("PARCELS_SHUTDOWN"):
    CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = float(seconds)
