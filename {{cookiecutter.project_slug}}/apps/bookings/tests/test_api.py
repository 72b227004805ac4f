from uuid import uuid4

import pytest
from django.test import Client

from apps.accounts.tests.factories import UserFactory
from apps.catalog.tests.factories import SessionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(UserFactory())
    return client


class TestBookings:
    def test_are_made_listed_and_cancelled(self, client: Client) -> None:
        session = SessionFactory()

        made = client.post(
            "/api/bookings", {"session": session.public_id}, content_type="application/json"
        )
        assert (made.status_code, made.json()["status"]) == (201, "confirmed")

        (listed,) = client.get("/api/bookings").json()["items"]
        assert listed["title"] == session.workshop.title

        cancelled = client.delete(f"/api/bookings/{listed['public_id']}")
        assert cancelled.status_code == 204

    def test_of_a_full_session_are_refused_as_a_conflict(self, client: Client) -> None:
        session = SessionFactory(seats_left=0)

        answer = client.post(
            "/api/bookings", {"session": session.public_id}, content_type="application/json"
        )

        assert answer.status_code == 409
        assert answer.json()["detail"] == "Every seat of this session is taken."

    def test_without_the_id_of_a_session_are_not_valid(self, client: Client) -> None:
        answer = client.post("/api/bookings", {"session": "x"}, content_type="application/json")

        assert answer.status_code == 422
        assert "session" in answer.json()["detail"]

    def test_that_do_not_exist_are_not_found(self, client: Client) -> None:
        assert client.delete(f"/api/bookings/{uuid4()}").status_code == 404

    def test_are_not_for_strangers(self) -> None:
        assert Client().get("/api/bookings").status_code == 401
