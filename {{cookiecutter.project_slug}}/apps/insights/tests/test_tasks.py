import pytest

from apps.insights import services, tasks


class TestRebuildDailyOccupancy:
    def test_calls_its_service_and_brings_the_clock(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[dict[str, object]] = []
        monkeypatch.setattr(services, "rebuild_daily_occupancy", lambda **given: seen.append(given))

        tasks.rebuild_daily_occupancy()

        assert seen[0]["at"] is not None
