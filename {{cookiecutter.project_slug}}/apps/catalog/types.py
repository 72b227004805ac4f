"""Plain data about workshops, for pages, the API, caches and other apps."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.core.files.storage import default_storage


@dataclass(frozen=True)
class Session:
    """One session, with the words of its workshop."""

    id: int
    public_id: UUID
    title: str
    summary: str
    starts_at: datetime
    minutes: int
    room: str
    price_cents: int
    capacity: int
    seats_left: int

    @property
    def is_full(self) -> bool:
        return self.seats_left == 0

    @property
    def is_free(self) -> bool:
        return self.price_cents == 0

    @property
    def price(self) -> str:
        return "free" if self.is_free else f"{self.price_cents / 100:.2f} €"


@dataclass(frozen=True)
class SessionDetail(Session):
    """One session, with the tags and the picture of its workshop."""

    tags: str  # separated by commas
    picture: str  # its name in the storage; "" without one

    @property
    def picture_url(self) -> str:
        return default_storage.url(self.picture)  # signed for an hour, so it is not cached


@dataclass(frozen=True)
class SeatsOffered:
    """How many seats the sessions of one day have together."""

    day: date
    seats: int


@dataclass(frozen=True)
class PlannedWorkshop:
    """A workshop that is to be announced with its first sessions."""

    title: str
    summary: str
    room: str
    capacity: int
    price_cents: int
    tags: tuple[str, ...] = ()
