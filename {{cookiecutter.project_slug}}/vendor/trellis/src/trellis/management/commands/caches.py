"""`manage.py caches`: list the caches with their figures, or invalidate one value."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from trellis.caching.cached_read import CachedRead, all_caches
from trellis.caching.figures import last_days
from trellis.caching.keys import PARSERS

DAYS = 7


class Command(BaseCommand):
    help = f"List every cache with its owner, its reason, and its figures of the last {DAYS} days."

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="command", metavar="")
        invalidate = commands.add_parser("invalidate", help="invalidate one value at once")
        invalidate.add_argument("name", help="such as catalog.session")
        invalidate.add_argument("arguments", nargs="*", metavar="argument=value")

    def handle(self, *args: object, **options: Any) -> None:
        if options["command"] == "invalidate":
            self.stdout.write(invalidate(options["name"], options["arguments"]))
            return
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


def invalidate(name: str, texts: list[str]) -> str:
    """Invalidate the value for the arguments in `texts` ("pk=3"); return what to print."""
    known = all_caches()
    if name not in known:
        names = ", ".join(sorted(known)) or "none"
        raise CommandError(f"There is no cache {name!r}. Known caches: {names}.")
    if not known[name].invalidate_now(**arguments_of(known[name], texts)):
        raise CommandError("The cache cannot be reached. Nothing was invalidated. Try again.")
    return f"Invalidated {name} {' '.join(texts)}".rstrip() + "."


def arguments_of(cache: CachedRead[Any, Any], texts: list[str]) -> dict[str, Any]:
    """Return the cache's arguments from texts such as "pk=3", in their types."""
    types = cache.keys.types
    given = dict(text.partition("=")[::2] for text in texts)
    if given.keys() != types.keys():
        wanted = " ".join(f"{name}=<{kind.__name__}>" for name, kind in types.items())
        raise CommandError(f"{cache.name} takes {wanted or 'no arguments'}.")
    arguments = {}
    for name, text in given.items():
        try:
            arguments[name] = PARSERS[types[name]](text)
        except (ValueError, KeyError):
            raise CommandError(f"{name}={text} is not a {types[name].__name__}.") from None
    return arguments
