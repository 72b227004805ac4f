"""`manage.py caches`."""

import json
from collections.abc import Iterator
from datetime import date
from io import StringIO
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from trellis import caching
from trellis.caching import reads
from trellis.models import CacheUse


def said(*command: str) -> str:
    out = StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


@pytest.fixture
def prices() -> Iterator[caching.CachedRead[..., str]]:
    """A cache with a key of every type but `int`."""

    @caching.cached_read(
        name="shop.prices",
        version=1,
        ttl=60,
        bottleneck="a test",
        invalidated_by=("apps.shop.services.set_price",),
    )
    def prices(*, shop: str, day: date, item: UUID, gross: bool) -> str:
        return f"{shop} {day} {item} {gross} {timezone.now()}"

    yield prices
    del reads.declared["shop.prices"]


ITEM = "12345678-1234-5678-1234-567812345678"
WORDS = ["shop=a=b c", "day=2030-01-10", f"item={ITEM}", "gross=true"]


@pytest.mark.django_db(transaction=True)
class TestCaches:
    def test_are_listed_with_what_they_are_worth_to_all_processes(
        self, prices: caching.CachedRead[..., str]
    ) -> None:
        CacheUse.objects.create(
            name="shop.prices",
            day=timezone.now().date(),
            hits=3,
            loads=1,
            stale_avoided=2,
            load_seconds=0.02,
            saved_seconds=0.03,
        )

        listed = said("caches")

        assert "shop.prices  (nobody, ttl 60 s)" in listed
        assert "because       a test" in listed
        assert "75.0% of 4 reads in 7 days, 10.00 ms saved a hit" in listed
        assert "a load takes  20.00 ms" in listed
        assert "stale values  2 not served" in listed
        assert "forgotten by  apps.shop.services.set_price" in listed

    def test_are_told_to_machines(self, prices: caching.CachedRead[..., str]) -> None:
        (card,) = [card for card in json.loads(said("caches", "--json")) if "shop" in card["name"]]

        assert (card["ttl"], card["hit_rate"], card["saved_ms"]) == (60, None, None)

    def test_forget_the_value_that_the_words_spell(
        self, prices: caching.CachedRead[..., str]
    ) -> None:
        key = {"shop": "a=b c", "day": date(2030, 1, 10), "item": UUID(ITEM), "gross": True}
        before = prices(**key)
        assert prices(**key) == before

        assert "shop.prices has forgotten" in said("caches", "forget", "shop.prices", *WORDS)

        assert prices(**key) != before

    @pytest.mark.parametrize(
        ("name", "words", "why"),
        [
            ("shop.price", [], r"There is no cache 'shop.price'. Known: .*shop.prices"),
            ("shop.prices", WORDS[1:], "takes: shop=<str> day=<date> item=<UUID> gross=<bool>"),
            ("shop.prices", [*WORDS, "x=1"], "takes: shop=<str>"),
            ("shop.prices", [*WORDS[:3], "gross"], "gross is a bool, and '' is none"),
            ("shop.prices", [WORDS[0], "day=x", *WORDS[2:]], "day is a date, and 'x' is none"),
            ("shop.prices", [*WORDS[:2], "item=7", WORDS[3]], "item is a UUID, and '7' is none"),
        ],
    )
    def test_refuse_what_they_do_not_know(
        self, prices: caching.CachedRead[..., str], name: str, words: list[str], why: str
    ) -> None:
        with pytest.raises(CommandError, match=why):
            said("caches", "forget", name, *words)

    def test_say_so_when_the_cache_is_away(
        self, prices: caching.CachedRead[..., str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(caching.CachedRead, "_end_generation", lambda *_: False)

        with pytest.raises(CommandError, match="out of reach: nothing was forgotten"):
            said("caches", "forget", "shop.prices", *WORDS)
