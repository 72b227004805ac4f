from datetime import UTC, date, datetime

import factory

from apps.insights.models import DailyOccupancy


class DailyOccupancyFactory(factory.django.DjangoModelFactory[DailyOccupancy]):
    class Meta:
        model = DailyOccupancy

    day = factory.Sequence(lambda n: date.fromordinal(date(2130, 1, 1).toordinal() + n))
    seats_offered = 8
    seats_taken = 2
    refreshed_at = datetime(2130, 1, 1, tzinfo=UTC)
