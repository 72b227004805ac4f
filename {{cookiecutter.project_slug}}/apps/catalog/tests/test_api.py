from uuid import uuid4

import pytest
from django.test import Client

from apps.accounts.tests.factories import UserFactory
from apps.catalog import selectors
from apps.catalog.models import Workshop
from apps.catalog.tests.factories import SessionFactory, TagFactory, WorkshopFactory

pytestmark = pytest.mark.django_db


class TestSessions:
    def test_are_listed_for_everyone(self, client: Client) -> None:
        session = SessionFactory()

        (listed,) = client.get("/api/sessions").json()["items"]

        assert listed["title"] == session.workshop.title
        assert listed["seats_left"] == 8

    def test_are_listed_page_by_page(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(selectors, "PAGE_SIZE", 2)
        SessionFactory.create_batch(3)

        first = client.get("/api/sessions").json()
        second = client.get("/api/sessions", {"cursor": first["next_cursor"]}).json()

        assert [len(first["items"]), len(second["items"])] == [2, 1]
        assert second["next_cursor"] is None

    def test_are_found_by_their_title(self, client: Client) -> None:
        SessionFactory(workshop__title="Bread")
        SessionFactory(workshop__title="Bowls")

        (found,) = client.get("/api/sessions", {"title": "rea"}).json()["items"]

        assert found["title"] == "Bread"

    def test_are_refused_with_a_cursor_that_was_changed(self, client: Client) -> None:
        answer = client.get("/api/sessions", {"cursor": "changed"})

        assert answer.status_code == 400
        assert answer["Content-Type"] == "application/problem+json"
        assert "start at the first page" in answer.json()["detail"]

    def test_are_shown_one_by_one(self, client: Client) -> None:
        session = SessionFactory()

        answer = client.get(f"/api/sessions/{session.public_id}")

        assert answer.json()["room"] == "Loft"

    def test_that_do_not_exist_are_not_found(self, client: Client) -> None:
        answer = client.get(f"/api/sessions/{uuid4()}")

        assert answer.status_code == 404
        assert answer.json()["detail"] == "There is no such session."


class TestProposals:
    @pytest.fixture
    def person(self, client: Client) -> Client:
        client.force_login(UserFactory())
        return client

    def test_are_kept_for_a_review(self, person: Client) -> None:
        sent = {"title": "Bread", "summary": "Flour.", "tags": [TagFactory().name]}

        answer = person.post("/api/proposals", sent, content_type="application/json")

        assert (answer.status_code, answer.json()) == (201, sent)
        assert Workshop.objects.get().published_at is None

    @pytest.mark.parametrize(
        ("field", "value"),
        [("title", "Taken"), ("title", ""), ("summary", "x" * 2001), ("tags", ["a\0b"])],
    )
    def test_are_refused_with_the_field_that_has_to_change(
        self, person: Client, field: str, value: object
    ) -> None:
        WorkshopFactory(title="Taken")
        sent = {"title": "Bread", "summary": "Flour."} | {field: value}

        answer = person.post("/api/proposals", sent, content_type="application/json")

        assert answer.status_code == 422
        assert answer["Content-Type"] == "application/problem+json"
        assert [error["field"] for error in answer.json()["errors"]] == [field]
