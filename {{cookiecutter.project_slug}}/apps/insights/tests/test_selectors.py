from datetime import date

from trellis.testing import ConstantQueries

from apps.insights import selectors
from apps.insights.tests.factories import DailyOccupancyFactory


class TestDailyOccupancy:
    def test_takes_one_query(self, assert_constant_queries: ConstantQueries) -> None:
        assert_constant_queries(
            selectors.daily_occupancy,
            grow=DailyOccupancyFactory.create_batch,
            consume=lambda days: [day.percent for day in days],
            since=date(2130, 1, 1),
        )
