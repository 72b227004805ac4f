"""What is remembered of the catalogue, why, and what makes us forget."""

from uuid import UUID

from trellis import caching

from apps.catalog import types
from apps.catalog.models import Session

CHANGED_BY = (
    "apps.catalog.services.schedule_session",
    "apps.catalog.services.reschedule_session",
    "apps.catalog.services.revise_workshop",
    "apps.catalog.services.take_seat",
    "apps.catalog.services.give_back_seat",
)


@caching.cached_read(
    name="catalog.session",
    version=1,
    ttl=300,
    negative_ttl=10,
    bottleneck="shared links bring bursts of readers to one session; a hit takes 0.4 of a load",
    invalidated_by=CHANGED_BY,
)
def session(*, public_id: UUID) -> types.Session | None:
    """Return one session, or None where there is none."""
    row = Session.announced(Session.objects.filter(public_id=public_id)).first()
    return types.Session(**row) if row else None
