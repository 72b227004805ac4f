import pytest

from apps.insights import services, tasks


class TestTasks:
    @pytest.mark.parametrize("name", ["refresh_changed_days", "rebuild_daily_occupancy"])
    def test_call_their_service_and_bring_the_clock(
        self, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        seen: list[dict[str, object]] = []
        monkeypatch.setattr(services, name, lambda **given: seen.append(given))

        getattr(tasks, name)()

        assert seen[0]["at"] is not None
