"""The Celery application of the sample project."""

import os

from celery import Celery

from trellis import celery_app

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
app = Celery("config", task_cls="trellis.tasks.base:Task")
app.conf.update(
    broker_url=os.environ.get("CELERY_BROKER_URL", "memory://"),
    broker_connection_retry_on_startup=True,
    task_routes=["trellis.celery_app.route"],
    task_default_queue="default",
    task_ignore_result=True,
    task_acks_late=True,
    task_soft_time_limit=540,
    task_time_limit=600,
    worker_consumer="trellis.tasks.worker:Consumer",
    timezone="UTC",
)
app.autodiscover_tasks()
celery_app.connect(app)
