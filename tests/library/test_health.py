from datetime import timedelta

import pytest
from django.core.cache.backends.base import BaseCache
from django.db import InterfaceError, OperationalError
from django.test import Client
from django.utils import timezone

from trellis.tasks import runs
from trellis.web import health


class TestHealth:
    def test_is_live_without_a_database_and_a_cache(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(BaseCache, "get", None)
        # Without the mark `django_db`, pytest-django refuses each connection to the database.
        assert client.get("/health/live").json() == {"status": "ok"}

    @pytest.mark.django_db
    def test_is_ready_with_a_database(self, client: Client) -> None:
        answer = client.get("/health/ready")

        assert (answer.status_code, answer.json()) == (200, {"status": "ok", "late_tasks": []})

    @pytest.mark.django_db
    def test_is_ready_with_a_late_task_and_lists_it(self, client: Client) -> None:
        name = "trellis.republish_unpublished"
        runs.note_success(name=name, at=timezone.now() - timedelta(hours=1))

        answer = client.get("/health/ready")

        assert (answer.status_code, answer.json()["late_tasks"]) == (200, [name])

    def test_answers_a_request_that_names_the_host_by_its_ip_address(self, client: Client) -> None:
        assert client.get("/health/live", headers={"host": "10.1.2.3:8000"}).status_code == 200

    @pytest.mark.parametrize("error", [OperationalError, InterfaceError])
    def test_is_not_ready_without_a_database_and_hides_its_address(
        self, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
    ) -> None:
        class Down:
            def cursor(self) -> None:
                raise error("no route to db.internal")

        monkeypatch.setattr(health, "connection", Down())

        answer = health.ready()

        assert answer.status_code == 503
        assert b"db.internal" not in answer.content
