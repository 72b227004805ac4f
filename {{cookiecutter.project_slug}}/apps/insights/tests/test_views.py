from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.tests.factories import UserFactory
from apps.insights.tests.factories import DailyOccupancyFactory

pytestmark = pytest.mark.django_db


class TestOccupancy:
    def test_says_when_each_day_was_counted(self, admin_client: Client) -> None:
        DailyOccupancyFactory(day=timezone.now().date() + timedelta(days=1))

        page = admin_client.get(reverse("insights:occupancy")).content.decode()

        assert ">1 Jan, 00:00</time>" in page

    def test_says_so_when_nothing_is_there_yet(self, admin_client: Client) -> None:
        page = admin_client.get(reverse("insights:occupancy")).content.decode()

        assert "Nothing has been counted yet" in page

    def test_is_for_staff(self, client: Client) -> None:
        client.force_login(UserFactory())

        answer = client.get(reverse("insights:occupancy"))

        assert answer.status_code == 403
        assert "This page is for staff." in answer.content.decode()

    def test_asks_who_is_unknown_to_sign_in(self, client: Client) -> None:
        address = reverse("insights:occupancy")

        assert client.get(address)["Location"] == f"/accounts/login/?next={address}"
