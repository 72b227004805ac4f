"""`manage.py caches`."""

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from trellis import caching
from trellis.caching.cached_read import CachedRead, declared
from trellis.models import CacheUse


def output_of(*command: str) -> str:
    out = StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


@pytest.fixture
def prices() -> Iterator[CachedRead[..., str]]:
    """A cache that nobody has read."""

    @caching.cached_read(
        name="shop.prices",
        version=1,
        ttl=60,
        bottleneck="a test",
        invalidated_by=("apps.shop.services.set_price",),
    )
    def prices(*, shop: str) -> str:
        return shop

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
