"""Reads of bookings."""

from datetime import date, datetime
from uuid import UUID

from django.db.models import Count
from django.db.models.functions import TruncDate
from trellis import reads

from apps.bookings import types
from apps.bookings.models import ACTIVE, Booking
from apps.catalog import selectors as catalog

PAGE_SIZE = 50


@reads.selector(queries=1)
def bookings_of(*, attendee_id: int, cursor: str = "") -> reads.Page[types.Booking]:
    """Return a person's bookings, newest first. Raises `CursorInvalid`."""
    bookings = Booking.objects.select_related("session__workshop").filter(attendee_id=attendee_id)
    return reads.page(
        bookings, order=("-booked_at", "-id"), size=PAGE_SIZE, cursor=cursor, into=_as_type
    )


@reads.selector(queries=1)
def booking(*, booking_id: int) -> types.Booking:
    """Return one booking. Raises `Booking.DoesNotExist`."""
    bookings = Booking.objects.select_related("session__workshop")
    return _as_type(reads.promised(bookings).get(pk=booking_id))


@reads.selector(queries=2)
def session_for(*, public_id: UUID, person_id: int | None, at: datetime) -> types.SessionForPerson:
    """Return a session as one person sees it, or a visitor. Raises `SessionNotFound`."""
    session = catalog.session(public_id=public_id)
    booking = None
    if person_id is not None:
        bookings = Booking.objects.select_related("session__workshop").filter(
            session_id=session.id, attendee_id=person_id, status__in=ACTIVE
        )
        booking = reads.promised(bookings).first()
    return types.SessionForPerson(
        session=session,
        booking=_as_type(booking) if booking else None,
        has_started=session.starts_at <= at,
    )


@reads.selector(queries=1)
def seats_taken(*, first: date, last: date) -> list[types.SeatsTaken]:
    """Return the seats taken on each day from `first` to `last` that has any (days in UTC)."""
    days = (
        Booking.objects.filter(
            reads.within_days("session__starts_at", first=first, last=last),
            status__in=ACTIVE,
        )
        .annotate(day=TruncDate("session__starts_at"))
        .values("day")
        .annotate(seats=Count("id"))
        .order_by("day")
    )
    return [types.SeatsTaken(**row) for row in days]


def _as_type(row: Booking) -> types.Booking:
    return types.Booking(
        public_id=row.public_id,
        attendee_id=row.attendee_id,
        status=row.status,
        status_label=row.get_status_display(),
        is_active=row.is_active,
        title=row.session.workshop.title,
        session_public_id=row.session.public_id,
        starts_at=row.session.starts_at,
        room=row.session.room,
        hold_expires_at=row.hold_expires_at,
        confirmation_sent_at=row.confirmation_sent_at,
    )
