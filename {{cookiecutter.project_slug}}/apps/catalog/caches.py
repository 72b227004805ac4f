"""Caches of the catalog."""

from uuid import UUID

from django.db.models import F, StringAgg, Value
from trellis import caching

from apps.catalog import types
from apps.catalog.models import Session


@caching.cached_read(
    name="catalog.session",
    version=2,
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
def session(*, public_id: UUID) -> types.SessionDetail | None:
    """Return one session, or None if there is none."""
    sessions = Session.values_of(Session.objects.filter(public_id=public_id))
    values = sessions.annotate(
        picture=F("workshop__picture"),
        tags=StringAgg("workshop__tags__name", delimiter=Value(", "), default=Value("")),
    ).first()
    return types.SessionDetail(**values) if values else None
