"""Delivering parcels, and tasks that harm their worker."""

import contextlib
import os
import signal
import time
from logging import INFO, LogRecord, getLogger

import celery
from billiard.exceptions import SoftTimeLimitExceeded
from celery import shared_task
from django.utils import timezone
from parcels import services


@shared_task(name="parcels.deliver", max_retries=5, default_retry_delay=2, time_limit=90)
def deliver(*, parcel_id: int) -> None:
    services.deliver(parcel_id=parcel_id)


@shared_task(name="parcels.deliver_by_claim", max_retries=1, default_retry_delay=1, time_limit=8)
def deliver_by_claim(*, parcel_id: int, deadly: bool) -> None:
    services.deliver_by_claim(parcel_id=parcel_id, deadly=deadly, at=timezone.now())


@shared_task(name="parcels.kill_worker", max_retries=1, default_retry_delay=1, time_limit=60)
def kill_worker() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@shared_task(name="parcels.eat_memory", max_retries=0, time_limit=60)
def eat_memory() -> None:
    raise MemoryError


@shared_task(name="parcels.never_end", max_retries=0, soft_time_limit=1, time_limit=2)
def never_end() -> None:
    while True:
        with contextlib.suppress(SoftTimeLimitExceeded):
            time.sleep(60)


@shared_task(name="parcels.mark", max_retries=0, time_limit=60)
def mark() -> None:
    services.mark()


# What our class costs, for bench/tasks.py: the same task with it and without it. Each of the two
# writes two log lines: ours its own, the other one Celery's, which a project does not show.


@shared_task(name="parcels.nothing", max_retries=0, time_limit=60)
def nothing() -> None: ...


@shared_task(
    base=celery.Task, name="parcels.bare", max_retries=0, soft_time_limit=54, time_limit=60
)
def bare() -> None: ...


def is_about_the_bare_task(record: LogRecord) -> bool:
    return "parcels.bare" in record.getMessage()


for name in ("celery.app.trace", "celery.worker.strategy"):
    logger = getLogger(name)
    logger.setLevel(INFO)
    logger.addFilter(is_about_the_bare_task)
