"""Readers and writers race for a cached value, in processes of their own: see bench/caches.py."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.template.living import server_url

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 24
DATABASE = f"trellis_race_{os.getpid()}"


@pytest.fixture(scope="module", params=["embedded", "servers"])
def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """SQLite with the cache in a table, and PostgreSQL with the cache in Redis."""
    if request.param == "embedded":
        folder = tmp_path_factory.mktemp("race")
        yield {"DATABASE_URL": f"sqlite:///{folder}/race.sqlite3", "CACHE_URL": "dbcache://cached"}
        return
    postgres, redis = server_url("TRELLIS_POSTGRES_URL"), server_url("TRELLIS_REDIS_URL")
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {DATABASE}")
        yield {
            "DATABASE_URL": f"{postgres.rpartition('/')[0]}/{DATABASE}",
            "CACHE_URL": f"{redis}/13",
        }
        connection.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


def raced(kind: str, servers: dict[str, str]) -> dict[str, Any]:
    """Return what bench/caches.py finds."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.caches", kind, str(ROUNDS)],
        cwd=ROOT,
        env=os.environ | servers,
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


class TestDeclaredCache:
    def test_never_shows_an_old_or_a_rolled_back_value_and_loads_once_for_fifty_readers(
        self, servers: dict[str, str]
    ) -> None:
        found = raced("declared", servers)

        race = found["race"]
        assert race["writes"] == ROUNDS * 3 // 4  # every fourth is rolled back
        assert race["reads"] > race["writes"]
        assert (race["stale"], race["invented"], race["off_at_the_end"]) == (0, 0, 0)
        assert found["stampede"] == {"readers": 50, "answered": 50, "loads": 1}


class TestPlainCache:
    def test_shows_old_values_in_the_same_race(self, servers: dict[str, str]) -> None:
        assert raced("plain", servers)["race"]["stale"] > 0, "then the race cannot be lost"
