"""Plain data about bookings, for pages, the API, mails and other apps."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from apps.catalog import types as catalog


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
class SessionForPerson:
    """A session, and the active booking that the person who looks at it has, if any."""

    session: catalog.Session
    booking: Booking | None
    has_started: bool


@dataclass(frozen=True)
class SeatsTaken:
    """How many seats are taken in the sessions of one day."""

    day: date
    seats: int
