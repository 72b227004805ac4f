"""Plain data about bookings, for pages, the API, mails and other apps."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID


@dataclass(frozen=True)
class Booking:
    """A booking, with the session it is for."""

    public_id: UUID
    attendee_id: int
    status: str
    status_label: str
    is_active: bool
    title: str
    session_public_id: UUID
    starts_at: datetime
    room: str
    hold_expires_at: datetime | None
    confirmation_sent_at: datetime | None


@dataclass(frozen=True)
class SeatsTaken:
    """How many seats are taken in the sessions of one day."""

    day: date
    seats: int
