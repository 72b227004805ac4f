"""A generated project's caches, in races of real processes, on both of its set-ups.

The races themselves are in bench/cache_race.py; `bench/caches.py` runs longer ones.
"""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import demo
from bench import caches
from tests.test_project import server_url
from tests.test_readme import blocks

ROUNDS = "40"


@pytest.fixture(scope="module", params=["embedded", "servers"])
def servers(request: pytest.FixtureRequest, desk_project: Path) -> Iterator[dict[str, str]]:
    """The variables that choose a set-up: none, or PostgreSQL and Redis."""
    if request.param == "embedded":
        yield {}
        return
    postgres, redis = map(server_url, ("TRELLIS_POSTGRES_URL", "TRELLIS_REDIS_URL"))
    with caches.on_servers(desk_project, postgres=postgres, redis=redis) as chosen:
        yield chosen


class TestRaces:
    def test_show_nobody_what_is_no_longer_so(
        self, desk_project: Path, servers: dict[str, str]
    ) -> None:
        found = caches.told(desk_project, "race", "declared", ROUNDS, servers=servers)

        assert found["writes"] == 30  # every fourth is rolled back
        assert found["reads"] > found["writes"]
        assert (found["stale"], found["invented"], found["off_at_the_end"]) == (0, 0, 0)

    def test_are_lost_by_a_plain_cache(self, desk_project: Path, servers: dict[str, str]) -> None:
        found = caches.told(desk_project, "race", "plain", ROUNDS, servers=servers)

        assert found["stale"] > 0, "so the race above could not be lost"

    def test_are_run_by_one_reader_for_all(
        self, desk_project: Path, servers: dict[str, str]
    ) -> None:
        found = caches.told(desk_project, "stampede", "declared", servers=servers)

        assert found == {"readers": 50, "answered": 50, "loads": 1}


READ_ONCE = """
from uuid import uuid4
from trellis.caching import use
use.WRITE_EVERY = 0  # instead of once a minute
from apps.catalog import caches
caches.session(public_id=uuid4())
"""


class TestFigures:
    def test_are_those_of_the_processes_that_read(self, desk_project: Path) -> None:
        before = loads_of_sessions(desk_project)

        for _ in range(2):
            manage(desk_project, "shell", "--no-imports", "-c", READ_ONCE)

        assert loads_of_sessions(desk_project) == before + 2


def loads_of_sessions(project: Path) -> int:
    cards = json.loads(manage(project, "caches", "--json"))
    return int(next(card["loads"] for card in cards if card["name"] == "catalog.session"))


def manage(project: Path, *arguments: str) -> str:
    return demo.run([str(project / ".venv/bin/python"), "manage.py", *arguments], cwd=project)


class TestRunbook:
    def test_has_commands_that_run(self, desk_project: Path) -> None:
        commands = blocks((desk_project / "docs/runbooks/caches.md").read_text())

        said = [demo.run(["sh", "-c", command], cwd=desk_project) for command in commands]

        assert "catalog.session  (curators, ttl 300 s)" in said[0]
        assert '"name": "catalog.session"' in said[1]
        assert "catalog.session has forgotten public_id=" in said[2]


class TestOutage:
    def test_leaves_no_request_unanswered(self, desk_project: Path) -> None:
        needs_redis_server()

        found = caches.told(desk_project, "outage")

        assert found["refused"] == 0
        assert found["requests"] > found["writes"] > 0
        assert found["used_again"] == 2, "it came back twice, after a stall and after a kill"


def needs_redis_server() -> None:
    """CI must have the program; elsewhere the test says what is missing."""
    if shutil.which("redis-server"):
        return
    message = "needs the program redis-server, to kill one of its own"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
