import pytest
from django.test import Client
from django.urls import reverse

from apps.insights.tests.factories import DailyOccupancyFactory


class TestDailyOccupancyAdmin:
    @pytest.mark.django_db
    def test_can_be_looked_at_and_not_changed(self, admin_client: Client) -> None:
        day = DailyOccupancyFactory()

        page = admin_client.get(reverse("admin:insights_dailyoccupancy_change", args=[day.pk]))

        assert page.status_code == 200
        assert "Save" not in page.content.decode()
