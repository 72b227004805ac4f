import pytest
from django.db import OperationalError

from trellis.caching import figures
from trellis.caching.figures import Counter
from trellis.models import CacheUse

pytestmark = pytest.mark.django_db


class TestCounter:
    def test_adds_the_counts_of_all_processes_to_one_row(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(figures, "WRITE_SECONDS", 0)
        for process in (Counter(name="tests.read"), Counter(name="tests.read")):
            process.count(hits=1)
            process.count(loads=1, load_seconds=0.5)

        row = CacheUse.objects.get(name="tests.read")
        assert (row.hits, row.loads, row.load_seconds) == (2, 2, 1.0)

    def test_writes_once_a_minute(self, monkeypatch: pytest.MonkeyPatch) -> None:
        counter = Counter(name="tests.read")
        counter.count(hits=1)
        assert not CacheUse.objects.exists()
        monkeypatch.setattr(figures, "WRITE_SECONDS", 0)

        counter.count(hits=1)

        assert CacheUse.objects.get().hits == 2

    def test_writes_each_count_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(figures, "WRITE_SECONDS", 0)
        counter = Counter(name="tests.read")
        for _ in range(3):
            counter.count(hits=1)

        assert CacheUse.objects.get().hits == 3

    def test_fails_no_read_when_it_cannot_write(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def refuse(**_: object) -> None:
            raise OperationalError("database is locked")

        monkeypatch.setattr(figures, "WRITE_SECONDS", 0)
        monkeypatch.setattr(CacheUse.objects, "get_or_create", refuse)

        Counter(name="tests.read").count(hits=1)

        assert "are not written: database is locked" in caplog.text
