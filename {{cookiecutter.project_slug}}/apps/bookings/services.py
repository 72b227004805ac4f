"""Booking a seat, paying for it, giving it back."""

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import IntegrityError, transaction
from django.db.models import Q
from trellis import errors
from trellis.tasks import given_up, once

from apps.accounts import selectors as accounts
from apps.bookings import clients, selectors, tasks, types
from apps.bookings.models import ACTIVE, Booking
from apps.catalog import services as catalog

logger = structlog.get_logger(__name__)

HOLD_LASTS = timedelta(hours=48)  # a bank transfer takes this long
OVERDUE_AFTER = timedelta(minutes=10)  # longer than all retries of a confirmation take
BATCH = 500  # rows that one run of a scheduled task handles


class AlreadyBooked(errors.Conflict):
    """You have a seat in this session already."""


class BookingNotFound(errors.NotFound):
    """You have no such booking that can still be cancelled."""


class HoldExpired(errors.Conflict):
    """This booking is not waiting for a payment (any more)."""


@transaction.atomic
def book_seat(*, session_public_id: UUID, by: int, at: datetime) -> types.Booking:
    """Book a seat for the user with the id `by`: confirmed if it is free, else held until paid.

    Raises `AlreadyBooked`, and what `catalog.services.take_seat` raises.
    """
    session = catalog.take_seat(public_id=session_public_id, at=at)
    # The session is locked until the commit, so nobody can book it between this check and then.
    if Booking.objects.filter(session_id=session.id, attendee_id=by, status__in=ACTIVE).exists():
        raise AlreadyBooked
    booking = Booking(session_id=session.id, attendee_id=by, booked_at=at)
    if session.is_free:
        booking.status = Booking.Status.CONFIRMED
    else:
        booking.status = Booking.Status.HELD
        booking.hold_expires_at = min(at + HOLD_LASTS, session.starts_at)
    booking.full_clean()
    booking.save()
    if session.is_free:
        # After commit: a rolled-back booking must not be announced.
        tasks.send_confirmation.delay_on_commit(booking_id=booking.pk)
    return selectors.booking(booking_id=booking.pk)


@transaction.atomic
def record_payment(*, booking_id: int, at: datetime) -> None:
    """Confirm a held booking that has been paid. Raises `HoldExpired`."""
    # Locked, so that the hold cannot expire while it is confirmed. (The session is not locked.)
    held = Booking.objects.select_for_update(of=["self"]).filter(
        pk=booking_id,
        status=Booking.Status.HELD,
        hold_expires_at__gt=at,
        session__starts_at__gt=at,
    )
    booking = held.first()
    if booking is None:
        raise HoldExpired
    booking.status = Booking.Status.CONFIRMED
    booking.hold_expires_at = None
    booking.save(update_fields=["status", "hold_expires_at"])
    tasks.send_confirmation.delay_on_commit(booking_id=booking.pk)


@transaction.atomic
def cancel_booking(*, public_id: UUID, by: int, at: datetime) -> None:
    """Give back a seat of the user with the id `by`. Raises `BookingNotFound`."""
    active = Booking.objects.select_for_update(of=["self"]).filter(
        public_id=public_id, attendee_id=by, status__in=ACTIVE, session__starts_at__gt=at
    )
    booking = active.first()
    if booking is None:
        raise BookingNotFound
    _end(booking, status=Booking.Status.CANCELLED)


@transaction.atomic
def expire_unpaid_holds(*, at: datetime) -> int:
    """Free the seats of holds that are over, or whose session began. Returns how many.

    A hold whose seat the database does not take back is logged, and does not stop the others.
    """
    # A booking that is locked is being paid or cancelled right now: leave it to the next run.
    over = Booking.objects.select_for_update(skip_locked=True, of=["self"]).filter(
        Q(hold_expires_at__lte=at) | Q(session__starts_at__lte=at), status=Booking.Status.HELD
    )
    expired = 0
    for booking in over.order_by("hold_expires_at")[:BATCH]:
        try:
            with transaction.atomic():
                _end(booking, status=Booking.Status.EXPIRED)
        except IntegrityError:
            logger.exception("hold_not_expired", booking_id=booking.pk)
        else:
            expired += 1
    return expired


def send_confirmation(*, booking_id: int, at: datetime) -> None:
    """Mail the confirmation of a booking, once, however often this is called.

    Raises `InProgress` while another worker sends it, and `OSError` if the mail server fails.
    """
    booking = selectors.booking(booking_id=booking_id)
    if booking.status != Booking.Status.CONFIRMED:
        return
    with once("bookings.confirmation", booking_id, at=at) as claim:
        if claim.is_new:
            contact = accounts.contact_of(user_id=booking.attendee_id)
            clients.mail_confirmation(to=contact, booking=booking)
    # After the claim: if this fails, the task tries again, and must not mail again.
    unnoted = Booking.objects.filter(pk=booking_id, confirmation_sent_at=None)
    unnoted.update(confirmation_sent_at=at)


def resend_overdue_confirmations(*, at: datetime) -> int:
    """Enqueue again the confirmations that should have been sent by now. Returns how many.

    Their message was lost: a process died between its commit and the broker, or the broker lost
    its data. A confirmation that failed for good is not enqueued: it is a failed task, for people.
    """
    overdue = Booking.objects.filter(
        status=Booking.Status.CONFIRMED,
        confirmation_sent_at=None,
        booked_at__lte=at - OVERDUE_AFTER,
        session__starts_at__gt=at,
    ).exclude(pk__in=given_up(name=tasks.send_confirmation.name, argument="booking_id"))
    booking_ids = list(overdue.order_by("booked_at").values_list("pk", flat=True)[:BATCH])
    for booking_id in booking_ids:
        tasks.send_confirmation.delay_on_commit(booking_id=booking_id)
    return len(booking_ids)


def _end(booking: Booking, *, status: Booking.Status) -> None:
    """End a locked, active booking and free its seat."""
    booking.status = status
    booking.hold_expires_at = None
    booking.save(update_fields=["status", "hold_expires_at"])
    catalog.give_back_seat(session_id=booking.session_id)
