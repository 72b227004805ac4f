"""`manage.py caches`."""

from collections.abc import Iterator
from datetime import date, timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from trellis import caching
from trellis.caching.cached_read import CachedRead, declared
from trellis.models import CacheUse

ITEM = "12345678-1234-5678-1234-567812345678"
ARGUMENTS = ["shop=a=b c", "day=2030-01-10", f"item={ITEM}", "gross=true"]


def output_of(*command: str) -> str:
    out = StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


@pytest.fixture
def prices() -> Iterator[CachedRead[..., str]]:
    """A cache with arguments of every type but int."""

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
    del declared["shop.prices"]


def add_figures(*, days_ago: int, **figures: Any) -> None:
    day = timezone.now().date() - timedelta(days=days_ago)
    CacheUse.objects.create(name="shop.prices", day=day, **figures)


@pytest.mark.django_db
class TestList:
    def test_has_the_reason_and_the_figures_of_each_cache(
        self, prices: CachedRead[..., str]
    ) -> None:
        add_figures(days_ago=0, hits=2, loads=1, load_seconds=0.02)
        add_figures(days_ago=6, hits=1)
        add_figures(days_ago=30, hits=1000)

        assert output_of("caches").strip() == (
            "shop.prices  (owner none, ttl 60 s)\n"
            "  bottleneck      a test\n"
            "  use             75.0% hits of 4 reads in 7 days, 20.00 ms a load\n"
            "  invalidated by  apps.shop.services.set_price"
        )

    def test_has_caches_that_nobody_has_read(self, prices: CachedRead[..., str]) -> None:
        assert "use             no reads in 7 days" in output_of("caches")


@pytest.mark.django_db(transaction=True)
class TestInvalidate:
    def test_invalidates_the_value_for_the_arguments(self, prices: CachedRead[..., str]) -> None:
        arguments = {"shop": "a=b c", "day": date(2030, 1, 10), "item": UUID(ITEM), "gross": True}
        before = prices(**arguments)
        assert prices(**arguments) == before

        printed = output_of("caches", "invalidate", "shop.prices", *ARGUMENTS)

        assert printed.startswith("Invalidated shop.prices shop=a=b c day=2030-01-10")
        assert prices(**arguments) != before

    @pytest.mark.parametrize(
        ("name", "arguments", "message"),
        [
            ("shop.price", [], r"There is no cache 'shop.price'. Known caches: .*shop.prices"),
            ("shop.prices", ARGUMENTS[1:], "takes shop=<str> day=<date> item=<UUID> gross=<bool>"),
            ("shop.prices", [*ARGUMENTS, "x=1"], "takes shop=<str>"),
            ("shop.prices", [*ARGUMENTS[:3], "gross"], "gross= is not a bool"),
            ("shop.prices", [ARGUMENTS[0], "day=x", *ARGUMENTS[2:]], "day=x is not a date"),
            ("shop.prices", [*ARGUMENTS[:2], "item=7", ARGUMENTS[3]], "item=7 is not a UUID"),
        ],
    )
    def test_refuses_an_unknown_cache_and_arguments_that_do_not_fit(
        self, prices: CachedRead[..., str], name: str, arguments: list[str], message: str
    ) -> None:
        with pytest.raises(CommandError, match=message):
            output_of("caches", "invalidate", name, *arguments)

    def test_fails_when_the_cache_cannot_be_reached(
        self, prices: CachedRead[..., str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(CachedRead, "_invalidate", lambda *_: False)

        with pytest.raises(CommandError, match=r"cannot be reached\. Nothing was invalidated"):
            output_of("caches", "invalidate", "shop.prices", *ARGUMENTS)
