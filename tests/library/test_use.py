from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from trellis.caching import use
from trellis.caching.figures import Counter, Use
from trellis.models import CacheUse

pytestmark = pytest.mark.django_db


def used_today() -> Use:
    return use.used_since(timezone.now().date())["tests.read"]


class TestCounter:
    def test_adds_to_what_other_processes_wrote(self) -> None:
        for process in (Counter(name="tests.read"), Counter(name="tests.read")):
            process.loaded(seconds=0.5)
            for _ in range(3):
                process.hit(saved_seconds=0.25)
            process.avoided_stale()
            process.write_down()

        assert used_today() == Use(
            hits=6, loads=2, stale_avoided=2, load_seconds=1.0, saved_seconds=1.5
        )

    def test_writes_once_a_minute_and_each_figure_once(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        counter = Counter(name="tests.read")
        counter.hit(saved_seconds=0.1)
        assert not CacheUse.objects.exists()
        monkeypatch.setattr(use, "clock", lambda: float("inf"))

        counter.hit(saved_seconds=0.1)

        assert used_today().hits == 2
        counter.write_down()
        assert used_today().hits == 2

    def test_fails_no_read_when_it_cannot_write(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise OperationalError("database is locked")

        monkeypatch.setattr(CacheUse.objects, "get_or_create", refuse)

        Counter(name="tests.read").write_down()

        assert "were not written: database is locked" in caplog.text


class TestUse:
    def test_says_what_a_hit_and_a_load_are_worth(self) -> None:
        used = Use(hits=3, loads=1, load_seconds=0.5, saved_seconds=0.75)

        assert (used.hit_rate, used.load_ms, used.saved_ms) == (0.75, 500.0, 250.0)

    def test_says_nothing_of_what_nobody_read(self) -> None:
        assert (Use().hit_rate, Use().load_ms, Use().saved_ms) == (None, None, None)


class TestUsedSince:
    def test_adds_up_the_days(self) -> None:
        today = timezone.now().date()
        for days in range(3):
            CacheUse.objects.create(name="tests.read", day=today - timedelta(days=days), hits=1)

        assert use.used_since(today - timedelta(days=1))["tests.read"].hits == 2
