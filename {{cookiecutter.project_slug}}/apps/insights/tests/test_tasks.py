from datetime import timedelta

import pytest
from django.utils import timezone
from trellis import testing

from apps.catalog.tests.factories import SessionFactory
from apps.insights import tasks
from apps.insights.models import DailyOccupancy


@pytest.mark.django_db(transaction=True)
class TestDeliveredTwice:
    def test_refresh_daily_occupancy(self) -> None:
        SessionFactory(capacity=8, starts_at=timezone.now() + timedelta(days=1))

        testing.assert_harmless_twice(
            tasks.refresh_daily_occupancy,
            effects=lambda: [day.seats_offered for day in DailyOccupancy.objects.all()],
            once=[8],
        )
