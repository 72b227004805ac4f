"""Caches that can be reasoned about: each is declared once, with the reason it exists.

    @cached_read(
        name="catalog.session_page",
        version=1,
        ttl=300,
        bottleneck="four joins a page view; 6.1 ms against 0.4 ms from the cache",
        invalidated_by=("apps.catalog.services.reschedule_session",),
    )
    def session_page(*, public_id: UUID) -> SessionPage | None: ...

Reading is calling it; forgetting is `session_page.invalidate(public_id=...)` in the service that
changed what it shows. What keeps it right: a stored value names the *generation* it was loaded
under, and invalidating ends that generation. A reader that loaded before a commit stores under a
generation that is over, and nobody reads that again (docs/adr/0005).

    reads.py   a cached read: what it takes, where it looks, and how it forgets
    keys.py    what its keys are made of
    outage.py  what happens while the cache is away
    use.py     how it is used, and so what it is worth
"""

from trellis.caching.cached_read import CachedRead, cached_read, every_cache

__all__ = ["CachedRead", "cached_read", "every_cache"]
