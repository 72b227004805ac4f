"""`manage.py caches`: list the caches with their figures."""

from typing import Any

from django.core.management.base import BaseCommand

from trellis.caching.cached_read import CachedRead, all_caches
from trellis.caching.figures import last_days

DAYS = 7


class Command(BaseCommand):
    help = f"List every cache with its owner, its reason, and its figures of the last {DAYS} days."

    def handle(self, *args: object, **options: object) -> None:
        figures = last_days(days=DAYS)
        descriptions = [
            describe(cache, figures.get(name)) for name, cache in sorted(all_caches().items())
        ]
        self.stdout.write("\n\n".join(descriptions) or "There are no caches.")


def describe(cache: CachedRead[Any, Any], figures: dict[str, Any] | None) -> str:
    """Return what the list shows of a cache. `figures` are the sums of its rows."""
    use = f"no reads in {DAYS} days"
    if figures:
        reads = figures["hits"] + figures["loads"]
        use = f"{figures['hits'] / reads:.1%} hits of {reads} reads in {DAYS} days"
        if figures["loads"]:
            use += f", {1000 * figures['seconds'] / figures['loads']:.2f} ms a load"
    return "\n".join(
        [
            f"{cache.name}  (owner {cache.owner or 'none'}, ttl {cache.ttl} s)",
            f"  bottleneck      {cache.bottleneck}",
            f"  use             {use}",
            *(f"  invalidated by  {service}" for service in cache.invalidated_by),
        ]
    )
