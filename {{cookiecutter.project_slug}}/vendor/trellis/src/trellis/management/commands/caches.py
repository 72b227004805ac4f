"""`manage.py caches`: list the caches with their figures."""

from typing import Any

from django.core.management.base import BaseCommand

from trellis.caching.cached_read import CachedRead, all_caches
from trellis.caching.figures import last_week


class Command(BaseCommand):
    help = "List every cache with its owner, its reason, and its figures of the last 7 days."

    def handle(self, *args: object, **options: object) -> None:
        use = last_week()
        descriptions = [
            describe(cache, use=use.get(name, "no reads in 7 days"))
            for name, cache in sorted(all_caches().items())
        ]
        self.stdout.write("\n\n".join(descriptions) or "There are no caches.")


def describe(cache: CachedRead[Any, Any], *, use: str) -> str:
    """Return what the list shows of a cache."""
    return "\n".join(
        [
            f"{cache.name}  (owner {cache.owner or 'none'}, ttl {cache.ttl} s)",
            f"  bottleneck      {cache.bottleneck}",
            f"  use             {use}",
            *(f"  invalidated by  {service}" for service in cache.invalidated_by),
        ]
    )
