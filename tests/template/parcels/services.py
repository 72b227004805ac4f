"""Sending and delivering parcels, and the sweep that finds those whose message was lost."""

import os
import signal
import time
from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from parcels import tasks
from parcels.models import Attempt, Mark, Parcel

from trellis.tasks import once


class Refused(Exception):
    """The parcel is not taken, and its transaction is rolled back."""


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
        # This hook runs before the one that publishes.
        transaction.on_commit(lambda: os.kill(os.getpid(), signal.SIGKILL))
        send()


def send_by_claim(*, takes: float, copies: int, deadly: bool) -> None:
    """Take one parcel and publish so many messages for it. See `deliver_by_claim`."""
    parcel = Parcel.objects.create(takes=takes)
    for _ in range(copies):
        tasks.deliver_by_claim.delay(parcel_id=parcel.pk, deadly=deadly)


def deliver(*, parcel_id: int) -> None:
    """Deliver a parcel: to do it again changes nothing."""
    Attempt.objects.create(parcel_id=parcel_id)
    parcel = Parcel.objects.get(pk=parcel_id)
    if Attempt.objects.filter(parcel=parcel).count() == 1:
        time.sleep(parcel.takes)
    Parcel.objects.filter(pk=parcel_id, delivered_at=None).update(
        delivered_at=timezone.now(), deliveries=F("deliveries") + 1
    )


def deliver_by_claim(*, parcel_id: int, deadly: bool, at: datetime) -> None:
    """Deliver a parcel: only a claim keeps it from being delivered again.

    If it is `deadly`, the process that gets the first claim is killed before the delivery.
    """
    attempt = Attempt.objects.create(parcel_id=parcel_id)
    with once("parcels.delivery", parcel_id, at=at) as claim:
        if claim.is_new:
            parcel = Parcel.objects.get(pk=parcel_id)
            time.sleep(parcel.takes)
            if deadly and attempt == Attempt.objects.earliest("pk"):
                os.kill(os.getpid(), signal.SIGKILL)
            parcel.delivered_at, parcel.deliveries = at, F("deliveries") + 1
            parcel.save()


def sweep() -> int:
    """Publish again what is not delivered. Returns how many."""
    missing = list(Parcel.objects.filter(delivered_at=None).values_list("pk", flat=True))
    for parcel_id in missing:
        tasks.deliver.delay_on_commit(parcel_id=parcel_id)
    return len(missing)


def mark() -> None:
    """Note the time between two series of tasks."""
    Mark.objects.create(at=time.monotonic())
