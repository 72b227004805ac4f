import dataclasses
import http.client
import threading
from collections.abc import Iterator
from time import monotonic

import pytest
from django.core.cache.backends.base import BaseCache
from django.db import OperationalError, connection
from django.test import Client
from pytest_django import Settings

from trellis import probes
from trellis.web import health, server

TOKEN = {"authorization": "Bearer a-token-of-the-team"}


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A database that does not answer."""
    gate = threading.Event()
    ask = dataclasses.replace(probes.database, ask=lambda: str(gate.wait(20)))
    monkeypatch.setattr(probes, "database", ask)
    monkeypatch.setattr(probes, "_running", {})
    yield
    gate.set()


class TestLive:
    def test_needs_no_database_and_no_cache(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(BaseCache, "get", None)
        # Without the mark `django_db`, pytest-django refuses each connection to the database.
        assert client.get("/health/live").json() == {"status": "ok"}

    def test_answers_a_request_that_names_the_host_by_its_ip_address(self, client: Client) -> None:
        assert client.get("/health/live", headers={"host": "10.1.2.3:8000"}).status_code == 200


@pytest.mark.django_db(transaction=True)
class TestReady:
    def test_is_so_with_a_database(self, client: Client) -> None:
        answer = client.get("/health/ready")

        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})

    def test_tells_about_each_dependency_with_the_token_only(
        self, client: Client, settings: Settings
    ) -> None:
        settings.HEALTH_TOKEN = "a-token-of-the-team"

        answer = client.get("/health/ready", headers=TOKEN)
        told = answer.json()["dependencies"]

        assert answer.status_code == 200  # the schedule is late, and the web does its work
        assert list(told) == ["database", "cache", "broker", "schedule"]
        assert told["database"]["ok"]
        assert told["schedule"]["found"].startswith("late: ")  # nothing runs them here
        for wrong in ({}, {"authorization": "Bearer another"}, {"authorization": "Bearer"}):
            assert client.get("/health/ready", headers=wrong).json() == {"status": "ok"}

    def test_takes_an_empty_token_for_none(self, client: Client) -> None:
        answer = client.get("/health/ready", headers={"authorization": "Bearer "})

        assert answer.json() == {"status": "ok"}


class TestNotReady:
    def test_is_without_a_database_and_hides_its_address(
        self, monkeypatch: pytest.MonkeyPatch, settings: Settings, client: Client
    ) -> None:
        def fails() -> str:
            raise OperationalError("no route to db.internal")

        monkeypatch.setattr(probes, "database", dataclasses.replace(probes.database, ask=fails))

        answer = client.get("/health/ready")

        assert (answer.status_code, answer.json()) == (503, {"status": "unavailable"})

    def test_is_in_bounded_time_with_a_database_that_hangs(
        self, hanging: None, client: Client
    ) -> None:
        began = monotonic()

        assert client.get("/health/ready").status_code == 503
        assert monotonic() - began < 5


@pytest.fixture
def port() -> Iterator[int]:
    listening = server.answer_health_checks(port=0)
    yield listening.server_address[1]
    listening.shutdown()
    listening.server_close()


def ask(port: int, path: str, *, method: str = "GET") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


class TestHealthPort:
    def test_answers_health_checks_and_nothing_else(self, port: int) -> None:
        assert ask(port, "/health/live") == (200, b'{"status": "ok"}')
        assert ask(port, "/health/live?from=a-monitor")[0] == 200
        assert ask(port, "/health/live", method="HEAD") == (200, b"")
        assert ask(port, "/accounts/login/")[0] == 404

    def test_answers_live_while_ready_waits(self, port: int, hanging: None) -> None:
        waiting = [threading.Thread(target=ask, args=(port, "/health/ready")) for _ in range(10)]
        for thread in waiting:
            thread.start()
        began = monotonic()

        assert ask(port, "/health/live")[0] == 200
        assert monotonic() - began < 1
        for thread in waiting:
            thread.join()


@pytest.mark.django_db(transaction=True)
class TestLimitQueries:
    def test_ends_a_query_that_is_not_answered(self) -> None:
        if connection.vendor != "postgresql":
            pytest.skip("SQLite has no server that could hang")
        other = connection.copy()
        other.connect()
        server._limit(other, seconds=0.3)
        began = monotonic()

        with pytest.raises(OperationalError, match="gave no answer"), other.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(3)")

        assert monotonic() - began < 2
        other.close_if_unusable_or_obsolete()
        with other.cursor() as cursor:
            cursor.execute("SELECT 1")
        other.close()
        assert health.live().status_code == 200
