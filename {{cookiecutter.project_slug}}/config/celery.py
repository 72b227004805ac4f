"""The Celery application. Its settings are the `CELERY_*` ones in settings.py."""

import os

import django
from celery import Celery
from celery.signals import setup_logging
from django.apps import apps
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# Only where it is used is it loaded: the broker in files is for Linux and macOS.
TRANSPORT_ALIASES["local"] = "trellis.local_broker:Transport"
app = Celery("config", task_cls="trellis.tasks.base:Task")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect(weak=False)
def keep_our_logging(**_: object) -> None:
    """Keep Celery from replacing what config/logging.py set up."""


@app.on_after_finalize.connect(weak=False)
def plan_periodic_tasks(sender: Celery, **_: object) -> None:
    """Give beat every task that declares `schedule=`."""
    if not apps.ready:  # as in a command of Celery that imports no tasks
        django.setup()
    app.autodiscover_tasks(force=True)
    from trellis.tasks import base  # it needs the models, which this module is loaded before

    sender.conf.beat_schedule = base.beat_schedule(sender)
