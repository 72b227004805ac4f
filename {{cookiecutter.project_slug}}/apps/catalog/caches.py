"""Caches of the catalog."""

from uuid import UUID

from trellis import caching

from apps.catalog import types
from apps.catalog.models import Session


@caching.cached_read(
    name="catalog.session",
    version=1,
    ttl=300,
    negative_ttl=10,
    bottleneck="a shared link brings many readers at once; a hit takes less than half of a load",
    invalidated_by=(
        "apps.catalog.services.reschedule_session",
        "apps.catalog.services.revise_workshop",
        "apps.catalog.services.take_seat",
        "apps.catalog.services.give_back_seat",
    ),
)
def session(*, public_id: UUID) -> types.Session | None:
    """Return one session, or None if there is none."""
    values = Session.values_of(Session.objects.filter(public_id=public_id)).first()
    return types.Session(**values) if values else None
