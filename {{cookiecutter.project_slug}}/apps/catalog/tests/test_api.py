from uuid import uuid4

import pytest
from django.test import Client

from apps.catalog.tests.factories import SessionFactory

pytestmark = pytest.mark.django_db


class TestSessions:
    def test_are_listed_to_anyone(self, client: Client) -> None:
        session = SessionFactory()

        (listed,) = client.get("/api/sessions").json()

        assert listed["title"] == session.workshop.title
        assert listed["seats_left"] == 8

    def test_are_shown_one_by_one(self, client: Client) -> None:
        session = SessionFactory()

        answer = client.get(f"/api/sessions/{session.public_id}")

        assert answer.json()["room"] == "Loft"

    def test_that_do_not_exist_are_a_problem_document(self, client: Client) -> None:
        answer = client.get(f"/api/sessions/{uuid4()}")

        assert answer.status_code == 404
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["detail"] == "There is no such session."
