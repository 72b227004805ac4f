"""What other apps, pages and caches get of this one."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID


@dataclass(frozen=True)
class Session:
    """One session of a workshop, as it is announced."""

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
class SeatsOffered:
    """How many seats all sessions of one day have, and how many of them are free."""

    day: date
    seats: int
    left: int
