"""The Celery application and all its settings (docs/adr/0004)."""

import sys

from celery import Celery
from django.core.exceptions import ImproperlyConfigured
from trellis import celery_app
from trellis.env import use_settings

from config.environment import BASE_DIR, VAR_DIR, env

use_settings("config.settings")

BROKER_URL = env.url(
    "CELERY_BROKER_URL",
    schemes=("local", "redis", "rediss", "redis+socket", "amqp", "amqps"),
    development=("memory",),
    default="local://localhost",
    example="redis://host:6379/1",
    needed=True,
)
# Seconds. A request waits up to three times this long for a broker that hangs, and then the
# message becomes a row. By default it would wait for ever.
BROKER_TIMEOUT = 0.5

app = Celery("config", task_cls="trellis.tasks.base:Task")
app.conf.update(
    # The broker
    broker_url=BROKER_URL,
    broker_connection_timeout=BROKER_TIMEOUT,
    broker_connection_retry_on_startup=True,  # a worker may start before its broker
    task_publish_retry_policy={
        "max_retries": 1,  # a pooled connection may have gone stale
        "interval_start": 0.1,
        "interval_step": 0.1,
        "interval_max": 0.2,
    },
    # Queues
    task_default_queue="default",
    task_routes=["trellis.celery_app.route"],  # each task states its queue
    task_create_missing_queues=True,  # and a new queue needs nothing else
    # Nothing is lost when a worker is killed
    task_acks_late=True,  # a message belongs to the broker until its work is done
    task_reject_on_worker_lost=True,  # also if the process that runs it is killed, ...
    task_retry_on_worker_lost=True,  # ... which uses up one of its retries
    worker_prefetch_multiplier=1,  # no message waits in a busy worker while another is idle
    worker_consumer="trellis.tasks.worker:Consumer",  # garbage on a queue stops no worker
    # Seconds in which a worker that is stopped (SIGTERM, with REMAP_SIGTERM=SIGQUIT) finishes its
    # tasks. What is left goes back to the broker.
    worker_soft_shutdown_timeout=20,
    # Nothing runs or grows for ever
    task_soft_time_limit=540,  # seconds, then the task is told
    task_time_limit=600,  # seconds, then its process is killed
    worker_max_tasks_per_child=1000,  # ends a slow leak of memory
    # What is kept
    task_ignore_result=True,  # the result of a task is what it wrote into the database
    beat_schedule_filename=str(VAR_DIR / "celerybeat-schedule"),
    timezone="UTC",  # of the schedules
)
if BROKER_URL.startswith("local:"):  # development and one small host: messages are files
    if sys.platform == "win32":
        raise ImproperlyConfigured(
            "The broker in files needs Linux or macOS (or WSL)."
            " Set CELERY_BROKER_URL to a Redis or RabbitMQ."
        )
    app.conf.broker_transport_options = {
        "folder": str(  # a relative one is of the project, wherever a process was started
            BASE_DIR
            / env.text("LOCAL_BROKER_FOLDER", default="var/broker", example="/var/lib/desk/broker")
        ),
        "polling_interval": 0.1,  # seconds; less would cost an idle worker CPU time
    }
elif BROKER_URL.startswith("redis"):
    app.conf.broker_transport_options = {
        # Seconds after which the messages of a killed worker go to another one. Longer than a
        # message may wait, also for a retry (30 minutes), and run (10 minutes): otherwise it would
        # be delivered again while its first worker is still busy with it.
        "visibility_timeout": 3600,
        # Seconds. A worker that is killed while it gives messages back blocks the others so long.
        "unacked_mutex_expire": 10,
        "socket_timeout": BROKER_TIMEOUT,
        "socket_connect_timeout": BROKER_TIMEOUT,
    }
elif BROKER_URL.startswith("amqp"):
    app.conf.update(
        broker_transport_options={
            "confirm_publish": True,  # "published" means that the broker has the message
            "read_timeout": BROKER_TIMEOUT,
            "write_timeout": BROKER_TIMEOUT,
        },
        # Quorum queues are on disk before the broker confirms, and survive its restart.
        task_default_queue_type="quorum",
        task_create_missing_queue_type="quorum",
        # Only with topic exchanges does a countdown wait in the broker instead of in a worker.
        task_default_exchange_type="topic",
        task_create_missing_queue_exchange_type="topic",
    )
app.autodiscover_tasks()
celery_app.connect(app)
