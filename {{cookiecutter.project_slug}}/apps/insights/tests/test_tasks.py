from datetime import timedelta

import pytest
from django.utils import timezone
from trellis.testing import HarmlessTwice

from apps.catalog.tests.factories import SessionFactory
from apps.insights import services, tasks
from apps.insights.models import DailyOccupancy


class TestTasks:
    @pytest.mark.parametrize("name", ["refresh_changed_days", "rebuild_daily_occupancy"])
    def test_call_their_service_and_bring_the_clock(
        self, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        seen: list[dict[str, object]] = []
        monkeypatch.setattr(services, name, lambda **given: seen.append(given))

        getattr(tasks, name)()

        assert seen[0]["at"] is not None


class TestDeliveredTwice:
    def test_refresh_changed_days(self, assert_harmless_twice: HarmlessTwice) -> None:
        SessionFactory(capacity=8, starts_at=timezone.now() + timedelta(days=1))

        assert_harmless_twice(tasks.refresh_changed_days, effects=figures, once=[(8, 0)])

    def test_rebuild_daily_occupancy(self, assert_harmless_twice: HarmlessTwice) -> None:
        SessionFactory(capacity=8, starts_at=timezone.now() + timedelta(days=1))

        assert_harmless_twice(tasks.rebuild_daily_occupancy, effects=figures, once=[(8, 0)])


def figures() -> list[tuple[int, int]]:
    """Return of each day the seats offered and taken."""
    return list(DailyOccupancy.objects.values_list("seats_offered", "seats_taken"))
