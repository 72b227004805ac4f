from datetime import date

import pytest
from trellis import testing

from apps.insights import selectors
from apps.insights.tests.factories import DailyOccupancyFactory

pytestmark = pytest.mark.django_db


class TestDailyOccupancy:
    def test_takes_one_query(self) -> None:
        testing.assert_constant_queries(
            selectors.daily_occupancy,
            grow=DailyOccupancyFactory.create_batch,
            consume=lambda days: [day.percent for day in days],
            since=date(2130, 1, 1),
        )
