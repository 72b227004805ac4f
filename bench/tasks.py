"""What becomes of 1,000 tasks when workers are killed, brokers crash and deployments happen.

    uv run python bench/tasks.py [kills] [crashes] [deploys] [overhead]

`kills`: SIGKILL to a worker's main process and to its children in turn, at random times, five runs
on each broker. `crashes`: the broker itself is killed three times; the servers are our own.
`deploys`: SIGTERM to four workers. `overhead`: empty tasks of our class beside Celery's own, in
turn. Without arguments all of them, which takes an hour or so.

The broker in files needs nothing. Redis and RabbitMQ take part if TRELLIS_REDIS_URL and
TRELLIS_RABBITMQ_URL are set; for `crashes`, redis-server and rabbitmq-server must be installed.
`tests/template/test_queues.py` asserts the same with fewer tasks.
"""

import itertools
import os
import random
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TEMPLATE))

import demo  # noqa: E402  # beside us, in no installed package
from tests.template import parcel_project, servers  # noqa: E402
from tests.template.parcel_project import ParcelProject, wait_until  # noqa: E402

FILES = "local://localhost"
RUNS, PARCELS, KILLS, STOPS = 5, 1000, 14, 4
SERIES, LENGTH = 60, 50  # of empty tasks
QUIET = 30.0  # seconds without an attempt, after which the sweep looks for what is missing


@dataclass
class Bench:
    """A generated project that is set up, and a folder for the runs."""

    project: Path
    folder: Path

    @contextmanager
    def opened(self, address: str) -> Iterator[ParcelProject]:
        with parcel_project.opened(self.project, self.new_folder(), address) as project:
            yield project

    def new_folder(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self.folder))


def main(parts: list[str]) -> None:
    brokers = {"files": FILES}
    if url := os.environ.get("TRELLIS_REDIS_URL"):
        brokers["redis"] = f"{url}/13"
    if url := os.environ.get("TRELLIS_RABBITMQ_URL"):
        brokers["rabbitmq"] = url
    with tempfile.TemporaryDirectory() as folder:
        demo.generate(into=Path(folder))
        project = Path(folder) / demo.NAME
        demo.run(["make", "setup"], cwd=project)
        bench = Bench(project, Path(folder))
        for part in parts or ["kills", "crashes", "deploys", "overhead"]:
            for _ in range(RUNS if part == "kills" else 1):
                for name, address in brokers.items():
                    globals()[part](name, address, bench)


def report(*words: object) -> None:
    print(*words, flush=True)


def kills(name: str, address: str, bench: Bench) -> None:
    with bench.opened(address) as project:
        seed = random.randrange(10**6)  # printed, so that a bad run can be repeated
        outcome = parcel_project.kill_at_random(
            project, parcels=PARCELS, kills=KILLS, dice=random.Random(seed), quiet=QUIET
        )
        report("kills", name, outcome, f"failed={project.failures()}", f"seed={seed}")


def crashes(name: str, address: str, bench: Bench) -> None:
    moments = (100, 400, 700)
    if name == "files":
        with bench.opened(FILES) as project:
            outcome, unpublished = parcel_project.interrupt_broker(
                project,
                parcels=PARCELS,
                moments=moments,
                stop=project.kill_workers,
                start=lambda: (project.start_worker(), project.start_worker()),
                quiet=QUIET,
            )
    else:
        folder = bench.new_folder()
        server = servers.redis(folder) if name == "redis" else servers.rabbitmq(folder)
        server.start()
        try:
            with bench.opened(server.address) as project:
                outcome, unpublished = parcel_project.interrupt_broker(
                    project,
                    parcels=PARCELS,
                    moments=moments,
                    stop=server.kill,
                    start=server.start,
                    quiet=QUIET,
                )
        finally:
            server.kill()
    report("crashes", name, outcome, f"unpublished={unpublished}")


def deploys(name: str, address: str, bench: Bench) -> None:
    with bench.opened(address) as project:
        for _ in range(2):
            project.start_worker()
        project.parcels("send_long", "60")  # longer than a worker may take to stop
        sender = project.start("-m", "parcels", "send", str(PARCELS - 1))
        seconds = []
        for stop in range(STOPS):
            project.wait_for_deliveries((stop + 1) * PARCELS // (STOPS + 2))
            seconds.append(project.stop_worker(project.workers[0]))
        project.finish(sender)
        outcome = parcel_project.wait_and_count(project, quiet=QUIET)
        report("deploys", name, outcome, f"slowest stop: {max(seconds):.1f} s")


def overhead(name: str, address: str, bench: Bench) -> None:
    with bench.opened(address) as project:
        project.parcels("race", str(SERIES), str(LENGTH))
        project.start_worker(concurrency=1)
        marks = SERIES + 1
        wait_until(
            lambda: project.count("SELECT count(*) FROM parcels_mark") == marks, "all series"
        )
        times = [
            project.count("SELECT at * 1000000 FROM parcels_mark WHERE id = ?", str(mark + 1))
            for mark in range(marks)
        ]
    durations = [after - before for before, after in itertools.pairwise(times)]
    pairs = [bare / ours for ours, bare in zip(durations[::2], durations[1::2], strict=True)]
    lower, _, upper = statistics.quantiles(pairs, n=4)
    report(
        f"overhead {name}: tasks per second of our class, bare = 1:"
        f" {statistics.median(pairs):.2f} (median of {len(pairs)} pairs; half of them"
        f" {lower:.2f} to {upper:.2f})"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
