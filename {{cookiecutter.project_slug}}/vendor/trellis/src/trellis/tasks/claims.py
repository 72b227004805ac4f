"""Claims: doing something once, however often and by however many workers it is started.

A claim is a row (`trellis.models.Claim`) with a name, a key, a holder and an end. It is taken by
one conditional write, so of several workers one gets it. Success marks it as done. An error
releases it. If its holder dies, it ends 10 seconds after the hard time limit of the holder's task,
when Celery would have killed that task anyway.

Services use `once`. The task class uses `take` and `release` for the lease of a scheduled run, so
that no scheduled task runs twice at the same time.
"""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import structlog
from celery import current_app, current_task
from django.db import transaction

from trellis import errors
from trellis.models import Claim

logger = structlog.get_logger(__name__)

MARGIN = 10  # seconds between the hard time limit of a task and the end of its claims
LEASE = ""  # the key of a scheduled run's lease; no key of `once` is empty


class InProgress(errors.Conflict):
    """This is being done right now. Try again later."""

    def __init__(self, until: datetime) -> None:
        super().__init__()
        self.until = until  # when the claim ends, if its holder has died


@contextmanager
def once(name: str, *key: object, at: datetime) -> Iterator[Claim]:
    """Claim some work, named by `name` and `key`, and mark it as done at the end of the block.

        with once("bookings.confirmation", booking_id, at=at) as claim:
            if claim.is_new:
                clients.mail_confirmation(...)

    `claim.is_new` is False if the work was done before. `key` is made of ids and other values
    whose `str()` names them; `at` is the time now. An error inside the block releases the claim
    and is raised. So nothing may follow the effect inside the block: if it failed, the effect would
    be repeated.

    Raises `InProgress` while somebody else holds the claim. In a task there is no need to catch
    it: the task retries when the claim has ended. Raises `RuntimeError` inside a transaction,
    because nobody else would see the claim before the commit.

    If the process dies after the effect and before the end of the block, the work is done again.
    Claims that are done are kept for a while (RETENTION_DAYS).
    """
    claim, taken = take(name=name, key=json.dumps([str(part) for part in key]), at=at)
    if not taken and claim.is_new:
        raise InProgress(claim.expires_at)
    try:
        yield claim
    except BaseException:
        release(claim, at=at)
        raise
    mine = Claim.objects.filter(pk=claim.pk, holder=claim.holder)
    if taken and not mine.update(done_at=at):
        # The block took longer than its time limit, where nothing enforces that limit.
        logger.warning("claim_lost", name=name, key=claim.key)


def take(*, name: str, key: str, at: datetime, holder: str = "") -> tuple[Claim, bool]:
    """Take a claim, unless it is done or somebody holds it. Return it, and whether it was taken.

    `holder` is unique to this call unless it is given. Raises `ValueError` if the name or the key
    is longer than 255 characters.
    """
    if max(len(name), len(key)) > 255:
        raise ValueError(f"The name and key of a claim have at most 255 characters: {key:.300}")
    mine = {
        "holder": holder or uuid.uuid4().hex,
        "expires_at": at + timedelta(seconds=_time_limit() + MARGIN),
    }
    with transaction.atomic(durable=True):
        free = Claim.objects.filter(name=name, key=key, done_at=None, expires_at__lte=at)
        if free.update(**mine):
            return Claim.objects.get(name=name, key=key), True
        return Claim.objects.get_or_create(name=name, key=key, defaults=mine)


def release(claim: Claim, *, at: datetime) -> None:
    """End a claim, unless somebody else holds it by now.

    Never raises, so that it hides no error of the work itself: the claim ends in any case.
    """
    try:
        mine = Claim.objects.filter(name=claim.name, key=claim.key, holder=claim.holder)
        mine.update(expires_at=at)
    except Exception:
        logger.exception("claim_not_released", name=claim.name, key=claim.key)


def _time_limit() -> float:
    """Return after how many seconds the running task is killed."""
    limit = None
    if current_task:
        of_this_message, _ = current_task.request.timelimit or (None, None)
        limit = of_this_message or current_task.time_limit
    return float(limit or current_app.conf.task_time_limit)
