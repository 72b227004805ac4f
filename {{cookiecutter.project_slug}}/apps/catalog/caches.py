"""What is remembered of the catalogue, why, and what makes us forget."""

from uuid import UUID

from django.db.models.functions import Now

from apps.catalog import types
from apps.catalog.models import Session
from conventions.caching import cached_read

LISTED = 50  # sessions on the list: about two months of the busiest house we know of

CHANGED_BY = (
    "apps.catalog.services.schedule_session",
    "apps.catalog.services.reschedule_session",
    "apps.catalog.services.revise_workshop",
    "apps.catalog.services.take_seat",
    "apps.catalog.services.give_back_seat",
)


@cached_read(
    name="catalog.next_sessions",
    key="",
    version=1,
    ttl=60,
    bottleneck="the front page: read far more often than anyone books; 50 joined rows a view",
    invalidated_by=CHANGED_BY,
)
def next_sessions() -> tuple[types.Session, ...]:
    """Return the next sessions, soonest first.

    The database's clock only trims what is over; who reads decides with a clock of their own.
    """
    rows = Session.objects.select_related("workshop").filter(starts_at__gte=Now())
    return tuple(_announced(row) for row in rows.order_by("starts_at", "id")[:LISTED])


@cached_read(
    name="catalog.session",
    key="{public_id}",
    version=1,
    ttl=300,
    negative_ttl=10,
    bottleneck="shared links bring bursts of readers to one session; a hit takes 0.4 of a load",
    invalidated_by=CHANGED_BY,
)
def session(*, public_id: UUID) -> types.Session | None:
    """Return one session, or None where there is none."""
    row = Session.objects.select_related("workshop").filter(public_id=public_id).first()
    return _announced(row) if row else None


def _announced(row: Session) -> types.Session:
    return types.Session(
        id=row.pk,
        public_id=row.public_id,
        title=row.workshop.title,
        summary=row.workshop.summary,
        starts_at=row.starts_at,
        minutes=row.minutes,
        room=row.room,
        price_cents=row.price_cents,
        capacity=row.capacity,
        seats_left=row.seats_left,
    )
