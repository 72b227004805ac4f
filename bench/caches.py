"""Caches under fire, and what a hit costs: on the embedded default and on PostgreSQL and Redis.

    uv run python bench/caches.py [rounds]

Needs TRELLIS_POSTGRES_URL and TRELLIS_REDIS_URL, addresses of servers it may write to, and the
program `redis-server`, to kill one of its own. What is asked: no stale and no invented read, one
load in a stampede, every request answered in an outage, and a hit in at most twice the time of a
bare `cache.get`. `plain` is `cache.get_or_set` with `cache.delete` on commit, in the same race.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TEMPLATE))

import demo  # noqa: E402  # it stands beside us, not in an installed package

DATABASE = f"trellis_cache_race_{os.getpid()}"
RECREATE = """
import sys, psycopg
with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    connection.execute(f"DROP DATABASE IF EXISTS {sys.argv[2]} WITH (FORCE)")
    if sys.argv[3:]:
        connection.execute(f"CREATE DATABASE {sys.argv[2]}")
"""


def told(project: Path, *arguments: str, servers: dict[str, str] | None = None) -> dict[str, Any]:
    """Run cache_race.py in a project that is set up, and return what it found."""
    said: dict[str, Any] = json.loads(
        _python(project, str(TEMPLATE / "bench/cache_race.py"), *arguments, servers=servers)
    )
    return said


@contextmanager
def on_servers(project: Path, *, postgres: str, redis: str) -> Iterator[dict[str, str]]:
    """Yield the variables that lead a project to a database of its own and to Redis."""
    _python(project, "-c", RECREATE, postgres, DATABASE, "create")
    servers = {
        "DATABASE_URL": f"{postgres.rpartition('/')[0]}/{DATABASE}",
        "CACHE_URL": f"{redis}/13",
    }
    try:
        _python(project, "manage.py", "migrate", "--verbosity", "0", servers=servers)
        yield servers
    finally:
        _python(project, "-c", RECREATE, postgres, DATABASE)


def _python(project: Path, *arguments: str, servers: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [str(project / ".venv/bin/python"), *arguments],
        cwd=project,
        env=demo.clean_environment() | {"IGNORE_ENV_FILE": "1"} | (servers or {}),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        raise demo.DemoFailed(f"$ python {' '.join(arguments)}\n{done.stdout}{done.stderr}")
    return done.stdout


def main(*, rounds: int) -> None:
    postgres, redis = (
        os.environ.get(name) or sys.exit(f"bench/caches.py: set {name}")
        for name in ("TRELLIS_POSTGRES_URL", "TRELLIS_REDIS_URL")
    )
    with tempfile.TemporaryDirectory() as folder:
        demo.generate(into=Path(folder))
        project = Path(folder) / demo.NAME
        demo.run(["make", "setup"], cwd=project)
        with on_servers(project, postgres=postgres, redis=redis) as servers:
            for name, where in (("SQLite, table", {}), ("PostgreSQL, Redis", servers)):
                for what in (
                    ("race", "plain", str(rounds)),
                    ("race", "declared", str(rounds)),
                    ("stampede", "plain"),
                    ("stampede", "declared"),
                    ("hit", "2000"),
                ):
                    found = told(project, *what, servers=where)
                    print(f"{name:18}  {' '.join(what):18}  {in_words(found)}", flush=True)
        print(f"{'SQLite, Redis':18}  {'outage':18}  {in_words(told(project, 'outage'))}")


def in_words(found: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {value:.2f}" if isinstance(value, float) else f"{name} {value}"
        for name, value in found.items()
    )


if __name__ == "__main__":
    main(rounds=int(sys.argv[1]) if len(sys.argv) > 1 else 400)
