"""Sending, delivering, and the sweep that finds what was forgotten."""

import os
import signal
import time

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from parcels import tasks
from parcels.models import Attempt, Mark, Parcel


class Refused(Exception):
    """The parcel is not taken, and what was begun is rolled back."""


@transaction.atomic
def send(*, takes: float = 0.02, refuse: bool = False) -> int:
    """Take one parcel and have it delivered after the commit. Returns its id."""
    parcel = Parcel.objects.create(takes=takes)
    tasks.deliver.delay_on_commit(parcel_id=parcel.pk)
    if refuse:
        raise Refused
    return int(parcel.pk)


def send_and_die() -> None:
    """Die between the commit and the message to the broker."""
    with transaction.atomic():
        # The hook that runs before the one that publishes.
        transaction.on_commit(lambda: os.kill(os.getpid(), signal.SIGKILL))
        send()


def deliver(*, parcel_id: int) -> None:
    """Deliver a parcel, once, however often this is called."""
    Attempt.objects.create(parcel_id=parcel_id)
    parcel = Parcel.objects.get(pk=parcel_id)
    if Attempt.objects.filter(parcel=parcel).count() == 1:
        time.sleep(parcel.takes)
    Parcel.objects.filter(pk=parcel_id, delivered_at=None).update(
        delivered_at=timezone.now(), deliveries=F("deliveries") + 1
    )


def sweep() -> int:
    """Put back on the queue what is not delivered. Returns how many."""
    forgotten = list(Parcel.objects.filter(delivered_at=None).values_list("pk", flat=True))
    for parcel_id in forgotten:
        tasks.deliver.delay_on_commit(parcel_id=parcel_id)
    return len(forgotten)


def mark() -> None:
    """Note the time, between two series of tasks."""
    Mark.objects.create(at=time.monotonic())
