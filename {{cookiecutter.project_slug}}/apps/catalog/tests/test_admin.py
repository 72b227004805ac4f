from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from trellis import testing

from apps.accounts.tests.factories import UserFactory
from apps.catalog.models import Session, Tag, Workshop
from apps.catalog.tests.factories import SessionFactory, TagFactory, WorkshopFactory

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

    def test_saves_tags_by_the_service(self, admin_client: Client) -> None:
        workshop, tag = WorkshopFactory(title="Bread"), TagFactory()

        admin_client.post(
            reverse("admin:catalog_workshop_change", args=[workshop.pk]),
            {"title": "Bread", "summary": "Flour.", "tags": [tag.pk]},
        )

        assert [*workshop.tags.all()] == [tag]

    def test_lists_proposals_with_a_constant_number_of_queries(self, admin_client: Client) -> None:
        def grow(count: int) -> None:
            proposals(count, picture="workshops/x.webp")

        address = reverse("admin:catalog_workshop_changelist") + "?published_at__isempty=1"
        testing.assert_constant_page(admin_client, address, grow=grow)

    def test_publishes_and_rejects_proposals(self, admin_client: Client) -> None:
        good, bad = proposals(2)

        act(admin_client, "publish", good)
        act(admin_client, "reject", bad)
        answer = act(admin_client, "reject", good)

        assert [one.published_at is not None for one in Workshop.objects.all()] == [True]
        assert "This is not a proposal any more." in answer

    def test_lets_staff_who_may_only_look_decide_nothing(self, client: Client) -> None:
        reader = UserFactory(is_staff=True)
        reader.user_permissions.add(Permission.objects.get(codename="view_workshop"))
        client.force_login(reader)
        (proposal,) = proposals(1)

        act(client, "publish", proposal)
        act(client, "reject", proposal)

        proposal.refresh_from_db()
        assert proposal.published_at is None


class TestTagAdmin:
    def test_adds_a_tag(self, admin_client: Client) -> None:
        admin_client.post(reverse("admin:catalog_tag_add"), {"name": "food"})

        assert Tag.objects.get().name == "food"


def proposals(count: int, **fields: Any) -> list[Workshop]:
    return [
        WorkshopFactory(published_at=None, proposed_by=UserFactory(), **fields)
        for _ in range(count)
    ]


def act(client: Client, action: str, workshop: Workshop) -> str:
    address = reverse("admin:catalog_workshop_changelist")
    data = {"action": action, "_selected_action": workshop.pk}
    return client.post(address, data, follow=True).content.decode()


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

    def test_keeps_what_was_typed_when_the_service_refuses_it(self, admin_client: Client) -> None:
        typed = {
            "workshop": WorkshopFactory().pk,
            "starts_at_0": "2020-01-01",
            "starts_at_1": "18:00",
            "minutes": 90,
            "room": "The yard behind",
            "price_cents": 0,
            "capacity": 6,
        }

        page = admin_client.post(reverse("admin:catalog_session_add"), typed).content.decode()

        assert "for a time that has passed" in page
        assert 'value="The yard behind"' in page
        assert not Session.objects.exists()

    def test_changes_the_time_of_a_session_and_nothing_else(self, admin_client: Client) -> None:
        session = SessionFactory()

        answer = admin_client.post(
            reverse("admin:catalog_session_change", args=[session.pk]),
            {"starts_at_0": "2131-02-03", "starts_at_1": "10:00", "capacity": 99},
        )

        assert answer.status_code == 302
        session.refresh_from_db()
        assert (session.starts_at.year, session.capacity) == (2131, 8)
