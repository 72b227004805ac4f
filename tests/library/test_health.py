from datetime import timedelta

import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client
from django.utils import timezone

from trellis.web import health
from trellis.tasks import runs


class TestHealth:
    def test_is_live_without_a_database(self, client: Client) -> None:
        assert client.get("/health/live").json() == {"status": "ok"}

    @pytest.mark.django_db
    def test_is_ready_with_a_database(self, client: Client) -> None:
        answer = client.get("/health/ready")

        assert (answer.status_code, answer.json()) == (200, {"status": "ok", "late_tasks": []})

    @pytest.mark.django_db
    def test_is_ready_with_a_late_task_and_names_it(self, client: Client) -> None:
        name = "trellis.republish_unpublished"
        runs.note_success(name=name, at=timezone.now() - timedelta(hours=1))

        answer = client.get("/health/ready")

        assert (answer.status_code, answer.json()["late_tasks"]) == (200, [name])

    def test_answers_a_probe_that_knows_only_an_address(self, client: Client) -> None:
        assert client.get("/health/live", headers={"host": "10.1.2.3:8000"}).status_code == 200

    @pytest.mark.parametrize("error", [OperationalError, InterfaceError])
    def test_is_not_ready_without_one(
        self, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
    ) -> None:
        class Down:
            def cursor(self) -> None:
                raise error("no route to db.internal")

        monkeypatch.setattr(health, "connection", Down())

        answer = health.ready()

        assert answer.status_code == 503
        assert b"db.internal" not in answer.content
