from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.tests.factories import UserFactory
from apps.insights.tests.factories import DailyOccupancyFactory

pytestmark = pytest.mark.django_db
PAGE = reverse("insights:occupancy")


class TestOccupancy:
    def test_shows_when_each_day_was_computed(self, admin_client: Client) -> None:
        DailyOccupancyFactory(day=timezone.now().date() + timedelta(days=1))

        assert ">1 Jan, 00:00</time>" in admin_client.get(PAGE).content.decode()

    def test_tells_when_there_are_no_figures(self, admin_client: Client) -> None:
        assert "There are no figures yet." in admin_client.get(PAGE).content.decode()

    def test_is_for_staff(self, client: Client) -> None:
        client.force_login(UserFactory())

        answer = client.get(PAGE)

        assert answer.status_code == 403
        assert "This page is for staff." in answer.content.decode()

    def test_asks_strangers_to_sign_in(self, client: Client) -> None:
        assert client.get(PAGE)["Location"] == f"/accounts/login/?next={PAGE}"
