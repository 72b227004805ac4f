"""Declared caches that never serve a value older than the last commit.

    @caching.cached_read(
        name="catalog.session",
        version=1,
        ttl=300,
        bottleneck="four joins for each page; 6.1 ms, 0.4 ms from the cache",
        invalidated_by=("apps.catalog.services.reschedule_session",),
    )
    def session(*, public_id: UUID) -> types.Session | None: ...

A selector calls `caches.session(public_id=...)`. The services named in `invalidated_by` call
`caches.session.invalidate(public_id=...)`. How it works: `cached_read.py`; why: the template's ADR.
"""

from trellis.caching.cached_read import cached_read

__all__ = ["cached_read"]
