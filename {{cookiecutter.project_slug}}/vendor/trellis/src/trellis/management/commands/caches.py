"""`manage.py caches`: every cache, why it is there, what it is worth; and how to make it forget."""

import json
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from trellis import caching
from trellis.caching import keys, use

DAYS = 7


class Command(BaseCommand):
    help = f"List every cache with its owner and what it was worth in the last {DAYS} days."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="for machines")
        verbs = parser.add_subparsers(dest="verb", metavar="")
        forget = verbs.add_parser("forget", help="make a cache forget one value, at once")
        forget.add_argument("name", help="such as catalog.session")
        forget.add_argument("words", nargs="*", metavar="key=value", help="the key, field by field")

    def handle(self, *args: object, **options: Any) -> None:
        if options["verb"] == "forget":
            self.stdout.write(forgotten(name=options["name"], words=options["words"]))
        elif options["json"]:
            self.stdout.write(json.dumps(cards(), indent=2))
        else:
            self.stdout.write("\n\n".join(map(in_words, cards())) or "No cache is declared.")


def cards() -> list[dict[str, Any]]:
    """Return what there is to say of each cache."""
    used = use.used_since(timezone.now().date() - timedelta(days=DAYS))
    said = []
    for name, cache in sorted(caching.every_cache().items()):
        worth = used.get(name, use.Use())
        said.append(
            {
                "name": name,
                "owner": cache.owner,
                "key": list(cache.keys.types),
                "version": cache.version,
                "ttl": cache.ttl,
                "negative_ttl": cache.negative_ttl,
                "bottleneck": cache.bottleneck,
                "invalidated_by": list(cache.invalidated_by),
                **asdict(worth),
                "hit_rate": worth.hit_rate,
                "load_ms": worth.load_ms,
                "saved_ms": worth.saved_ms,
            }
        )
    return said


def in_words(card: dict[str, Any]) -> str:
    """Return a cache's card as a person reads it."""
    worth = f"not read in {DAYS} days (written down once a minute)"
    if card["hits"]:
        worth = (
            f"{card['hit_rate']:.1%} of {card['hits'] + card['loads']} reads in {DAYS} days,"
            f" {card['saved_ms']:.2f} ms saved a hit"
        )
    elif card["loads"]:
        worth = f"none of {card['loads']} reads in {DAYS} days"
    lines = [
        f"{card['name']}  ({card['owner'] or 'nobody'}, ttl {card['ttl']} s)",
        f"  because       {card['bottleneck']}",
        f"  answered      {worth}",
        *([f"  a load takes  {card['load_ms']:.2f} ms"] if card["loads"] else []),
        f"  stale values  {card['stale_avoided']} not served",
        *(f"  forgotten by  {service}" for service in card["invalidated_by"]),
    ]
    return "\n".join(lines)


def forgotten(*, name: str, words: list[str]) -> str:
    """Make a cache forget one value and say so. Raises `CommandError` with what is wrong."""
    known = caching.every_cache()
    if name not in known:
        raise CommandError(
            f"There is no cache {name!r}. Known: {', '.join(sorted(known)) or 'none'}."
        )
    arguments = arguments_of(known[name], words=words)
    if not known[name].forget_now(**arguments):
        raise CommandError("The cache is out of reach: nothing was forgotten. Try again.")
    return f"{name} has forgotten {' '.join(words) or 'what it held'}."


def arguments_of(cache: caching.CachedRead[Any, Any], *, words: list[str]) -> dict[str, Any]:
    """Return the key that `words` spell, as the types it is made of."""
    types = cache.keys.types
    given = dict(word.partition("=")[::2] for word in words)
    if given.keys() != types.keys():
        wanted = " ".join(f"{name}=<{kind.__name__}>" for name, kind in types.items())
        raise CommandError(f"{cache.name} takes: {wanted or 'no key'}.")
    arguments = {}
    for name, word in given.items():
        try:
            arguments[name] = keys.TYPES[types[name]](word)
        except (ValueError, KeyError):
            kind = types[name].__name__
            raise CommandError(f"{name} is a {kind}, and {word!r} is none.") from None
    return arguments
