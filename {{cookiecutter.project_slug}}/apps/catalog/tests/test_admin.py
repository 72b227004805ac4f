from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.catalog.models import Session, Workshop
from apps.catalog.tests.factories import SessionFactory, WorkshopFactory

pytestmark = pytest.mark.django_db


class TestSessionAdmin:
    def test_announces_a_session_with_all_seats_free(self, admin_client: Client) -> None:
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

    def test_moves_a_session_and_leaves_the_rest_alone(self, admin_client: Client) -> None:
        session = SessionFactory()

        answer = admin_client.post(
            reverse("admin:catalog_session_change", args=[session.pk]),
            {"starts_at_0": "2131-02-03", "starts_at_1": "10:00", "capacity": 99},
        )

        assert answer.status_code == 302
        session.refresh_from_db()
        assert (session.starts_at.year, session.capacity) == (2131, 8)

    def test_lists_sessions(self, admin_client: Client) -> None:
        session = SessionFactory()

        page = admin_client.get(reverse("admin:catalog_session_changelist"))

        assert session.workshop.title in page.content.decode()


class TestWorkshopAdmin:
    def test_saves_through_the_service(self, admin_client: Client) -> None:
        admin_client.post(
            reverse("admin:catalog_workshop_add"), {"title": "Bread", "summary": "Flour."}
        )

        assert Workshop.objects.get().title == "Bread"
