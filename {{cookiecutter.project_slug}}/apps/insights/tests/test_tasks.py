from datetime import timedelta

from django.utils import timezone
from trellis.testing import HarmlessTwice

from apps.catalog.tests.factories import SessionFactory
from apps.insights import tasks
from apps.insights.models import DailyOccupancy


class TestDeliveredTwice:
    def test_refresh_daily_occupancy(self, assert_harmless_twice: HarmlessTwice) -> None:
        SessionFactory(capacity=8, starts_at=timezone.now() + timedelta(days=1))

        assert_harmless_twice(
            tasks.refresh_daily_occupancy,
            effects=lambda: [day.seats_offered for day in DailyOccupancy.objects.all()],
            once=[8],
        )
