from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from trellis import testing

from apps.catalog.models import Session, Workshop
from apps.catalog.tests.factories import SessionFactory, WorkshopFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("model", ["workshop", "session"])
def test_deletes_nothing(admin_client: Client, model: str) -> None:
    row = SessionFactory().workshop if model == "workshop" else SessionFactory()
    address = reverse(f"admin:catalog_{model}_delete", args=[row.pk])

    assert admin_client.post(address, {"post": "yes"}).status_code == 403


class TestWorkshopAdmin:
    def test_announces_and_revises_a_workshop(self, admin_client: Client) -> None:
        admin_client.post(
            reverse("admin:catalog_workshop_add"), {"title": "Bread", "summary": "Flour."}
        )
        workshop = Workshop.objects.get()
        assert workshop.title == "Bread"

        admin_client.post(
            reverse("admin:catalog_workshop_change", args=[workshop.pk]),
            {"title": "Bread", "summary": "Flour and water."},
        )
        workshop.refresh_from_db()
        assert workshop.summary == "Flour and water."


class TestSessionAdmin:
    def test_lists_sessions_with_a_constant_number_of_queries(self, admin_client: Client) -> None:
        address = reverse("admin:catalog_session_changelist")

        testing.assert_constant_page(admin_client, address, grow=SessionFactory.create_batch)

    def test_schedules_a_session_with_all_seats_free(self, admin_client: Client) -> None:
        starts_at = timezone.now() + timedelta(days=3)

        answer = admin_client.post(
            reverse("admin:catalog_session_add"),
            {
                "workshop": WorkshopFactory().pk,
                "starts_at_0": f"{starts_at:%Y-%m-%d}",
                "starts_at_1": "18:00",
                "minutes": 90,
                "room": "Yard",
                "price_cents": 0,
                "capacity": 6,
            },
        )

        assert answer.status_code == 302
        assert Session.objects.get().seats_left == 6

    def test_changes_the_time_of_a_session_and_nothing_else(self, admin_client: Client) -> None:
        session = SessionFactory()

        answer = admin_client.post(
            reverse("admin:catalog_session_change", args=[session.pk]),
            {"starts_at_0": "2131-02-03", "starts_at_1": "10:00", "capacity": 99},
        )

        assert answer.status_code == 302
        session.refresh_from_db()
        assert (session.starts_at.year, session.capacity) == (2131, 8)
