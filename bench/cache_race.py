"""Readers and writers that race for one cached value, in real processes. Prints one JSON object.

    python cache_race.py race (declared | plain) ROUNDS    run inside a generated project, by its
    python cache_race.py stampede (declared | plain)       own interpreter: `bench/caches.py` and
    python cache_race.py outage                            `tests/test_caches.py` do
    python cache_race.py hit CALLS

`plain` is what most projects write: `cache.get_or_set`, and `cache.delete` on commit.
"""

import json
import multiprocessing
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.queues import Queue
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

if TYPE_CHECKING:
    Count = Synchronized[int]
    Found = dict[str, int]

CAPACITY = 1_000_000
PROCESSES, THREADS = 2, 4
processes = multiprocessing.get_context("spawn")


def set_up() -> None:
    sys.path.insert(0, str(Path.cwd()))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ["LOG_LEVEL"] = "CRITICAL"
    import django

    django.setup()


def new_session() -> UUID:
    """Return the public id of a session that nobody has asked for yet."""
    from datetime import timedelta

    from apps.catalog.models import Session, Workshop
    from django.utils import timezone

    workshop, _ = Workshop.objects.get_or_create(title="Races", summary="Who is first?")
    public_id = uuid4()
    Session.objects.create(
        public_id=public_id,
        workshop=workshop,
        starts_at=timezone.now() + timedelta(days=5000),
        room="Track",
        capacity=CAPACITY,
        seats_left=CAPACITY,
    )
    return public_id


def reader_of(kind: str, public_id: UUID) -> Callable[[], int]:
    """Return a function that reads how many seats are taken, as the cache has it."""
    from apps.catalog import caches, selectors
    from django.core.cache import cache

    def declared() -> int:
        return CAPACITY - int(selectors.session(public_id=public_id).seats_left)

    def plain() -> int:
        session = cache.get_or_set(
            f"plain:{public_id}", lambda: caches.session.load(public_id=public_id), 300
        )
        return CAPACITY - int(session.seats_left)

    return {"declared": declared, "plain": plain}[kind]


def slow_down(seconds: float, *, count: "Count | None" = None) -> None:
    """Let every load of the session take longer: what a race needs to be lost."""
    from apps.catalog import caches

    load = caches.session.load

    def slow(*, public_id: UUID) -> object:
        if count is not None:
            with count.get_lock():
                count.value += 1
        value = load(public_id=public_id)
        time.sleep(seconds)
        return value

    caches.session.load = slow


# A race -----------------------------------------------------------------------------------------


def race(kind: str, rounds: int) -> dict[str, int]:
    """Take a seat `rounds` times, every fourth time in vain, while two processes look on.

    A read is stale if it shows less than was acknowledged before it began, and invented if it
    shows more than had been begun when it ended.
    """
    from apps.catalog import caches, services
    from django.core.cache import cache
    from django.db import transaction
    from django.utils import timezone

    public_id = new_session()
    keys = caches.session.keys.make({"public_id": public_id})
    read = reader_of(kind, public_id)
    acknowledged, begun, stop = (processes.Value("q", 0) for _ in range(3))
    results: Queue[Found | None] = processes.Queue()
    shared = (kind, public_id, acknowledged, begun, stop, results)
    readers = [processes.Process(target=look_on, args=shared) for _ in range(PROCESSES)]
    for reader in readers:
        reader.start()
    for _ in readers:
        results.get(timeout=60)  # each is ready
    for number in range(rounds):
        in_vain = number % 4 == 3
        begun.value += not in_vain
        with transaction.atomic():
            services.take_seat(public_id=public_id, at=timezone.now())
            if kind == "plain":
                transaction.on_commit(lambda: cache.delete(f"plain:{public_id}"))
            if in_vain:  # a cache may lose anything at any time: here, when it hurts
                cache.delete_many([f"plain:{public_id}", *keys])
            read()  # our own write, which others must not see yet, or ever
            transaction.set_rollback(in_vain)
        acknowledged.value = begun.value
        time.sleep(random.uniform(0, 0.01))  # noqa: S311  # chance, no secret
    stop.value = 1
    counted = [found for _ in readers if (found := results.get(timeout=60))]
    for reader in readers:
        reader.join(timeout=60)
    total = {name: sum(count[name] for count in counted) for name in counted[0]}
    return total | {"writes": acknowledged.value, "off_at_the_end": acknowledged.value - read()}


def look_on(
    kind: str,
    public_id: UUID,
    acknowledged: "Count",
    begun: "Count",
    stop: "Count",
    results: "Queue[Found | None]",
) -> None:
    set_up()
    from apps.catalog import caches

    slow_down(0.01)  # longer than the pause between two writes
    read = reader_of(kind, public_id)
    counts = [{"reads": 0, "stale": 0, "invented": 0} for _ in range(THREADS)]

    def look(count: dict[str, int]) -> None:
        while not stop.value:
            least = acknowledged.value
            taken = read()
            most = begun.value
            count["reads"] += 1
            count["stale"] += taken < least
            count["invented"] += taken > most

    read()
    results.put(None)  # ready
    in_threads([lambda count=count: look(count) for count in counts])  # type: ignore[misc]
    total = {name: sum(count[name] for count in counts) for name in counts[0]}
    results.put(total | {"stale_avoided": caches.session.use.now.stale_avoided})


def in_threads(works: list[Callable[[], None]]) -> None:
    from django.db import connections

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


# A stampede -------------------------------------------------------------------------------------


def stampede(kind: str) -> dict[str, int]:
    """Let 50 threads of two processes ask for one cold key at once; count the loads."""
    public_id = new_session()
    loads, right = processes.Value("q", 0), processes.Value("q", 0)
    together = processes.Barrier(50)
    crowd = [
        processes.Process(target=crowd_in, args=(kind, public_id, loads, right, together))
        for _ in range(PROCESSES)
    ]
    for process in crowd:
        process.start()
    for process in crowd:
        process.join(timeout=120)
    return {"readers": 50, "answered": right.value, "loads": loads.value}


def crowd_in(kind: str, public_id: UUID, loads: "Count", right: "Count", together: Barrier) -> None:
    set_up()
    slow_down(0.3, count=loads)
    read = reader_of(kind, public_id)

    def ask() -> None:
        together.wait(60)
        taken = read()
        with right.get_lock():
            right.value += taken == 0

    in_threads([ask] * (50 // PROCESSES))


# An outage --------------------------------------------------------------------------------------


def outage() -> dict[str, int | float]:
    """Read and write while a Redis of our own is there, stalled, killed, and back, empty."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    os.environ["CACHE_URL"] = f"redis://127.0.0.1:{port}/0"
    set_up()
    from apps.catalog import services
    from django.test import Client
    from django.utils import timezone

    public_id = new_session()
    over = threading.Event()
    taken = [0]
    seconds: list[float] = []
    found = {"requests": 0, "refused": 0, "stale": 0}

    def ask() -> None:
        client = Client(raise_request_exception=False, headers={"host": "localhost"})
        while not over.is_set():
            least = taken[0]
            began = time.monotonic()
            answer = client.get(f"/api/sessions/{public_id}")
            seconds.append(time.monotonic() - began)
            found["requests"] += 1
            if answer.status_code == 200:
                found["stale"] += CAPACITY - answer.json()["seats_left"] < least
            else:
                found["refused"] += 1

    def write() -> None:
        while not over.is_set():
            services.take_seat(public_id=public_id, at=timezone.now())
            taken[0] += 1
            time.sleep(0.1)

    def happen() -> None:
        try:
            with redis_server(port) as server:
                time.sleep(1)
                server.send_signal(signal.SIGSTOP)
                time.sleep(2)
                server.send_signal(signal.SIGCONT)
                found["used_again"] = is_used_again(port)
                server.kill()
                server.wait()
                time.sleep(1)
            with redis_server(port):
                found["used_again"] += is_used_again(port)
        finally:
            over.set()

    in_threads([happen, write, ask, ask, ask])
    return found | {"writes": taken[0], "slowest_seconds": max(seconds)}


@contextmanager
def redis_server(port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """A Redis of our own, which may be killed."""
    binary = shutil.which("redis-server") or sys.exit("outage: needs the program redis-server")
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["--port", str(port), "--save", "", "--appendonly", "no", "--dir", folder]
        server = subprocess.Popen([binary, *arguments], stdout=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 20
            while not answers(port) and time.monotonic() < deadline:
                time.sleep(0.05)
            yield server
        finally:
            server.kill()
            server.wait()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def is_used_again(port: int) -> bool:
    """Empty the cache, and say whether anything of ours is in it within a minute.

    (Reads go past it for five seconds more.)
    """
    import redis

    server = redis.Redis(port=port)
    server.flushall()
    deadline = time.monotonic() + 60
    while not (found := server.keys("*catalog.session*")) and time.monotonic() < deadline:
        time.sleep(0.2)
    return bool(found)


# A hit ------------------------------------------------------------------------------------------


def hit(calls: int) -> dict[str, float]:
    """Time a cached read beside a bare `cache.get` of the same value, call by call in turn."""
    from apps.catalog import caches
    from django.core.cache import cache

    public_id = new_session()
    cache.set("bare", caches.session(public_id=public_id), 300)

    def timed(read: Callable[[], object]) -> float:
        began = time.perf_counter()
        read()
        return time.perf_counter() - began

    ours, bare, load = [], [], []
    for _ in range(calls):
        ours.append(timed(lambda: caches.session(public_id=public_id)))
        bare.append(timed(lambda: cache.get("bare")))
        load.append(timed(lambda: caches.session.load(public_id=public_id)))
    microseconds = {
        name: 1e6 * statistics.median(taken)
        for name, taken in {"ours": ours, "bare": bare, "load": load}.items()
    }
    return microseconds | {"ratio": microseconds["ours"] / microseconds["bare"]}


def main(what: str, *arguments: str) -> None:
    if what == "outage":  # it sets up itself, with a cache of its own
        print(json.dumps(outage()))
        return
    set_up()
    if what == "race":
        print(json.dumps(race(arguments[0], int(arguments[1]))))
    elif what == "stampede":
        print(json.dumps(stampede(arguments[0])))
    else:
        print(json.dumps(hit(int(arguments[0]))))


if __name__ == "__main__":
    main(*sys.argv[1:])
