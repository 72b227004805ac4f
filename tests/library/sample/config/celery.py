"""The Celery application of the sample project."""

import os

from celery import Celery
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
TRANSPORT_ALIASES["local"] = "trellis.local_broker:Transport"
app = Celery("config", task_cls="trellis.tasks.base:Task")
app.conf.update(
    broker_url=os.environ.get("CELERY_BROKER_URL", "memory://"),
    task_routes=["trellis.tasks.base.route"],
    task_default_queue="default",
    task_ignore_result=True,
    task_soft_time_limit=540,
    task_time_limit=600,
    timezone="UTC",
)
app.autodiscover_tasks()
