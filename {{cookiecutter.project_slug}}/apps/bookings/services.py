"""Taking a seat and giving it back."""

from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

import structlog
from django.db import IntegrityError, transaction
from django.db.models import Q
from trellis import errors
from trellis.tasks import given_up

from apps.accounts import selectors as accounts
from apps.bookings import clients, exceptions, selectors, tasks, types
from apps.bookings.models import ACTIVE, Booking
from apps.catalog import services as catalog

logger = structlog.get_logger(__name__)

HOLD_LASTS = timedelta(hours=48)  # what a bank transfer needs
CLAIM_LASTS = timedelta(seconds=70)  # longer than the task's time limit
OVERDUE_AFTER = timedelta(minutes=10)  # longer than the pause between two tries
SWEPT = 100  # confirmations put back on the queue at a time


class AlreadyBooked(errors.Conflict):
    """You have a seat in this session already."""


class BookingNotFound(errors.NotFound):
    """There is no such booking of yours that could still be cancelled."""


class HoldOver(errors.Conflict):
    """This booking is not waiting for a payment (any more)."""


@transaction.atomic
def book_seat(*, session_public_id: UUID, by: int, at: datetime) -> types.Booking:
    """Take a seat for the user with the id `by`: confirmed if it is free, else held until paid.

    Raises `AlreadyBooked`, and what `catalog.services.take_seat` raises.
    """
    mine = Booking.objects.filter(
        session__public_id=session_public_id, attendee_id=by, status__in=ACTIVE
    )
    if mine.exists():
        raise AlreadyBooked
    session = catalog.take_seat(public_id=session_public_id, at=at)
    # The session's row is ours until we commit, so this answer, unlike the one above, is final.
    if mine.exists():
        raise AlreadyBooked
    booking = Booking(
        session_id=session.id,
        attendee_id=by,
        booked_at=at,
        status=Booking.Status.CONFIRMED if session.is_free else Booking.Status.HELD,
        hold_expires_at=None if session.is_free else min(at + HOLD_LASTS, session.starts_at),
    )
    booking.full_clean()
    booking.save()
    if session.is_free:
        # After commit: a rolled-back booking must not be announced.
        tasks.send_confirmation.delay_on_commit(booking_id=booking.pk)
    return selectors.booking(booking_id=booking.pk)


@transaction.atomic
def record_payment(*, booking_id: int, at: datetime) -> None:
    """Confirm a held booking that has been paid. Raises `HoldOver`."""
    # A session may have been moved to before the hold's end. It is asked by itself, since an UPDATE
    # that joins tells by an old status whom to confirm.
    upcoming = Booking.objects.filter(pk=booking_id, session__starts_at__gt=at)
    held = Booking.objects.filter(pk=booking_id, status=Booking.Status.HELD, hold_expires_at__gt=at)
    if not upcoming.exists() or not held.update(
        status=Booking.Status.CONFIRMED, hold_expires_at=None
    ):
        raise HoldOver
    tasks.send_confirmation.delay_on_commit(booking_id=booking_id)


@transaction.atomic
def cancel_booking(*, public_id: UUID, by: int, at: datetime) -> None:
    """Give back a seat of the user with the id `by`. Raises `BookingNotFound`."""
    booking = Booking.objects.filter(
        public_id=public_id, attendee_id=by, session__starts_at__gt=at
    ).first()
    if booking is None or not _end(booking, status=Booking.Status.CANCELLED):
        raise BookingNotFound


@transaction.atomic
def expire_unpaid_holds(*, at: datetime) -> int:
    """Give back the seats of holds whose time is up, or whose session began. Returns how many.

    Where the database refuses one, since the seats of its session do not add up, the others go on.
    """
    due = Booking.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        Q(hold_expires_at__lte=at) | Q(session__starts_at__lte=at), status=Booking.Status.HELD
    )
    ended = 0
    for booking in due.order_by("hold_expires_at")[:500]:
        try:
            with transaction.atomic():
                ended += _end(booking, status=Booking.Status.EXPIRED)
        except IntegrityError:
            logger.exception("hold_not_expired", booking_id=booking.pk)
    return ended


def send_confirmation(*, booking_id: int, at: datetime) -> None:
    """Send the confirmation of a booking, once, however often and by how many this is called.

    One conditional UPDATE claims the mail, so of two deliveries at the same time one goes home.
    No transaction is open while the mail server is talked to. A failure to send ends the claim,
    is noted on the booking, and is raised; the task retries an `OSError`, which smtplib's are.
    Raises `ConfirmationInProgress` while somebody else's claim lasts.
    """
    unsent = Booking.objects.filter(
        pk=booking_id, status=Booking.Status.CONFIRMED, confirmation_sent_at=None
    )
    unclaimed = Q(confirmation_claimed_until=None) | Q(confirmation_claimed_until__lte=at)
    if not unsent.filter(unclaimed).update(confirmation_claimed_until=at + CLAIM_LASTS):
        if unsent.exists():
            raise exceptions.ConfirmationInProgress
        return
    booking = Booking.objects.get(pk=booking_id)
    try:
        clients.mail_confirmation(
            to=accounts.contact_of(user_id=booking.attendee_id),
            booking=selectors.booking(booking_id=booking_id),
        )
    except Exception as error:
        why = (str(error) or repr(error))[:200]
        unsent.update(confirmation_claimed_until=at, confirmation_error=why)
        raise
    unsent.update(confirmation_sent_at=at, confirmation_error="")


def resend_overdue_confirmations(*, at: datetime) -> int:
    """Put confirmations back on the queue that should be out by now. Returns how many.

    This finds what no queue can remember: a process that died between its commit and telling
    the broker, or a broker that lost its memory, also between two tries. What is tried again at
    its own pace is left to that, and what was given up to whoever deals with the failed task.
    """
    long_ago = at - OVERDUE_AFTER
    overdue = Booking.objects.filter(
        status=Booking.Status.CONFIRMED,
        confirmation_sent_at=None,
        booked_at__lte=long_ago,
        session__starts_at__gt=at,
    ).exclude(confirmation_claimed_until__gt=long_ago)
    skipped = given_up(name=tasks.send_confirmation.name, argument="booking_id")
    lost = (
        booking_id
        for booking_id in overdue.order_by("booked_at").values_list("pk", flat=True)
        if str(booking_id) not in skipped
    )
    booking_ids = list(islice(lost, SWEPT))
    for booking_id in booking_ids:
        tasks.send_confirmation.delay_on_commit(booking_id=booking_id)
    return len(booking_ids)


def _end(booking: Booking, *, status: Booking.Status) -> bool:
    """End an active booking and free its seat; False if it had ended already."""
    active = Booking.objects.filter(pk=booking.pk, status__in=ACTIVE)
    if not active.update(status=status, hold_expires_at=None):
        return False
    catalog.give_back_seat(session_id=booking.session_id)
    return True
