"""Cached reads in a race and in a stampede, and the time of a hit. Prints JSON.

    uv run python -m bench.caches (declared | plain) ROUNDS
    DATABASE_URL=postgres://… CACHE_URL=redis://… uv run python -m bench.caches declared 400

`plain` is what most projects write: `cache.get_or_set`, and `cache.delete` on commit. It runs on
the sample project of the library's tests: on SQLite with the cache in a table, or on the servers
that are given, where it leaves its tables behind. tests/library/test_cache_race.py runs it, too.
"""

import json
import multiprocessing
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

import django

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/library/sample")]
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
if "DATABASE_URL" not in os.environ:
    os.environ["DATABASE_URL"] = f"sqlite:///{tempfile.mkdtemp()}/race.sqlite3"
django.setup()  # also in the processes that race() starts: they import this module

# Imports that need the settings.
from django.contrib.auth import get_user_model  # noqa: E402
from django.core.cache import cache  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, connections, transaction  # noqa: E402

from trellis.caching import cached_read  # noqa: E402

User = get_user_model()
PROCESSES, THREADS = 2, 4
processes = multiprocessing.get_context("spawn")


def new_row() -> int:
    """Add a user whose name is a number, 0; return the id.

    The id is random: Redis may still hold what an earlier run cached of the first ids.
    """
    pk = random.randrange(1, 2**31)
    User.objects.create(pk=pk, email=f"{pk}@example.com", name="0")
    return pk


class Reader:
    """Reads the number in a row from a cache. `kind` is "declared" or "plain"."""

    def __init__(self, kind: str, *, pk: int, load_seconds: float = 0.0) -> None:
        self.loads = 0

        def load(*, pk: int) -> int:
            self.loads += 1
            number = int(User.objects.get(pk=pk).name)
            time.sleep(load_seconds)
            return number

        self.load, self.pk, self.kind = load, pk, kind
        self.declared = cached_read(
            name=f"bench.row_{pk}", version=1, ttl=300, bottleneck="a race", invalidated_by=()
        )(load)

    def read(self) -> int:
        if self.kind == "declared":
            return self.declared(pk=self.pk)
        number: Any = cache.get_or_set(f"plain:{self.pk}", lambda: self.load(pk=self.pk), 300)
        return int(number)

    def invalidate(self) -> None:
        if self.kind == "declared":
            self.declared.invalidate(pk=self.pk)
        else:
            transaction.on_commit(lambda: cache.delete(f"plain:{self.pk}"))

    def lose_everything(self) -> None:
        """Delete what the cache has, as a cache may do at any time."""
        cache.delete_many([f"plain:{self.pk}", *self.declared.keys.make({"pk": self.pk})])


def race(kind: str, rounds: int) -> dict[str, int]:
    """Count a row up `rounds` times, every fourth time in vain, while two processes read it.

    A read is stale if it shows less than was committed before it began, and invented if it shows
    more than had been begun when it ended.
    """
    pk = new_row()
    reader = Reader(kind, pk=pk)
    committed, begun, stop = (processes.Value("q", 0) for _ in range(3))
    results = processes.Queue()
    arguments = (kind, pk, committed, begun, stop, results)
    readers = [processes.Process(target=read_on, args=arguments) for _ in range(PROCESSES)]
    for process in readers:
        process.start()
    for _ in readers:
        results.get(timeout=60)  # it is ready
    for number in range(rounds):
        rolled_back = number % 4 == 3
        begun.value += not rolled_back
        with transaction.atomic():
            User.objects.filter(pk=pk).update(name=str(begun.value + rolled_back))
            reader.invalidate()
            if rolled_back:
                reader.lose_everything()
            reader.read()  # our own write, which others must not see yet, or ever
            transaction.set_rollback(rolled_back)
        committed.value = begun.value
        time.sleep(random.uniform(0, 0.01))
    stop.value = 1
    counts = [results.get(timeout=60) for _ in readers]
    for process in readers:
        process.join(timeout=60)
    total = {name: sum(count[name] for count in counts) for name in counts[0]}
    return total | {"writes": committed.value, "off_at_the_end": committed.value - reader.read()}


def read_on(
    kind: str,
    pk: int,
    committed: "Synchronized[int]",
    begun: "Synchronized[int]",
    stop: "Synchronized[int]",
    results: Any,
) -> None:
    """Read with several threads until `stop`, and put what was seen into `results`."""
    reader = Reader(kind, pk=pk, load_seconds=0.01)  # longer than the pause between two writes
    seen = {"reads": 0, "stale": 0, "invented": 0}

    def read() -> None:
        while not stop.value:
            least = committed.value
            number = reader.read()
            most = begun.value
            seen["reads"] += 1
            seen["stale"] += number < least
            seen["invented"] += number > most

    reader.read()
    results.put("ready")
    in_threads([read] * THREADS)
    results.put(seen)


def stampede(kind: str) -> dict[str, int]:
    """Let 50 threads read one key that is not in the cache, at once; count the loads."""
    pk = new_row()
    reader = Reader(kind, pk=pk, load_seconds=0.3)
    together = threading.Barrier(50)
    numbers: list[int] = []

    def read() -> None:
        together.wait(60)
        numbers.append(reader.read())

    in_threads([read] * 50)
    return {"readers": 50, "answered": len(numbers), "loads": reader.loads}


def hit(calls: int) -> dict[str, float]:
    """Time a hit and a bare `cache.get` of the same value, in turn. Microseconds, medians."""
    reader = Reader("declared", pk=new_row())
    reader.read()
    cache.set("bare", 0, 300)
    ways: dict[str, Callable[[], object]] = {
        "hit": reader.read,
        "bare get": lambda: cache.get("bare"),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(calls):
        for name, read in ways.items():
            started = time.perf_counter()
            read()
            taken[name].append(1e6 * (time.perf_counter() - started))
    found = {name: round(statistics.median(times)) for name, times in taken.items()}
    return found | {"ratio": round(found["hit"] / found["bare get"], 2)}


def in_threads(works: list[Callable[[], None]]) -> None:
    def run(work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def create_tables() -> None:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA journal_mode=WAL")
    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)


def main(kind: str, rounds: int) -> None:
    create_tables()
    found = {"race": race(kind, rounds), "stampede": stampede(kind)}
    print(json.dumps(found | ({"hit": hit(1000)} if kind == "declared" else {})))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
