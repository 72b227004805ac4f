"""Bookings as JSON. Each endpoint needs a signed-in user."""

from datetime import datetime
from http import HTTPStatus
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Status
from trellis import reads, web

from apps.bookings import selectors, services, types

router = Router(tags=["bookings"])


class BookingIn(web.In):
    session: UUID


class BookingOut(web.Out):
    public_id: UUID
    status: str
    title: str
    session_public_id: UUID
    starts_at: datetime
    room: str
    hold_expires_at: datetime | None
    confirmation_sent_at: datetime | None


@router.get("", response=web.PageOut[BookingOut])
def list_bookings(request: HttpRequest, cursor: str = "") -> reads.Page[types.Booking]:
    """Your bookings, newest first."""
    return selectors.bookings_of(attendee_id=web.user_id(request), cursor=cursor)


@router.post("", response={HTTPStatus.CREATED: BookingOut})
def book_seat(request: HttpRequest, data: BookingIn) -> Status[types.Booking]:
    """Book a seat."""
    booking = services.book_seat(
        session_public_id=data.session, by=web.user_id(request), at=timezone.now()
    )
    return Status(HTTPStatus.CREATED, booking)


@router.delete("{uuid:public_id}", response={HTTPStatus.NO_CONTENT: None})
def cancel_booking(request: HttpRequest, public_id: UUID) -> Status[None]:
    """Cancel a booking and give back its seat."""
    services.cancel_booking(public_id=public_id, by=web.user_id(request), at=timezone.now())
    return Status(HTTPStatus.NO_CONTENT, None)
