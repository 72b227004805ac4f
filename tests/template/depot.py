"""A generated project at work: the app `tests/parcels` in it, workers that can be killed, counts.

The workers are the Procfile's: same command, same settings, but for a queue of their own.
"""

import os
import random
import shlex
import signal
import sqlite3
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import demo

LONG = 120.0  # seconds to wait, at most, for what takes a second or two on an idle machine


@dataclass
class Worker:
    """One worker: a main process and its pool, in a process group of their own."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def ready(self) -> bool:
        return "ready." in self.log.read_text()

    def children(self) -> list[int]:
        """Return the process ids of the pool."""
        said = subprocess.run(
            ["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False
        )
        return [int(pid) for pid in said.stdout.split()]

    def end(self) -> None:
        """Kill all of it, also children whose main process is gone."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@dataclass
class Depot:
    """The project, the place where it works, and its workers."""

    project: Path
    place: Path
    broker: str
    shutdown: float | None = None  # seconds; None: what the project says
    workers: list[Worker] = field(default_factory=list)
    orphaned: list[Worker] = field(default_factory=list)
    started: int = 0

    def __post_init__(self) -> None:
        self.queue = f"parcels-{uuid.uuid4().hex[:8]}"
        self.database = self.place / "db.sqlite3"
        self.environment = demo.clean_environment() | {
            "IGNORE_ENV_FILE": "1",
            "DJANGO_SETTINGS_MODULE": "parcels.settings",
            "PYTHONPATH": str(Path(__file__).parent),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PARCELS_QUEUE": self.queue,
            "DATABASE_URL": f"sqlite:///{self.database}",
            "CELERY_BROKER_URL": self.broker,
            "LOCAL_BROKER_FOLDER": str(self.place / "broker"),
            "LOG_JSON": "1",
            "REMAP_SIGTERM": "SIGQUIT",
        }
        if self.shutdown is not None:
            self.environment["PARCELS_SHUTDOWN"] = str(self.shutdown)

    # What one does with it ------------------------------------------------------------------

    def open(self) -> None:
        self.run("manage.py", "migrate", "--run-syncdb", "--verbosity", "0")

    def run(self, *arguments: str, fails_with: int = 0) -> str:
        """Run a Python command in the project and return what it printed."""
        return self.ended(self.start(*arguments), fails_with=fails_with)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a Python command in the project."""
        with (self.place / "commands.log").open("ab") as log:
            return subprocess.Popen(
                [self.project / ".venv/bin/python", *arguments],
                cwd=self.project,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def ended(self, process: "subprocess.Popen[str]", *, fails_with: int = 0) -> str:
        """Wait for what was started to end, and return what it printed."""
        said, _ = process.communicate(timeout=10 * LONG)
        assert process.returncode == fails_with, (
            said + (self.place / "commands.log").read_text()[-1500:]
        )
        return said.strip()

    def parcels(self, *verb: str, fails_with: int = 0) -> str:
        """Do one thing of `tests/parcels/__main__.py`."""
        return self.run("-m", "parcels", *verb, fails_with=fails_with)

    def hire(self, *, wait: bool = True, concurrency: int | None = None) -> Worker:
        """Start a worker as the Procfile does."""
        procfile = (self.project / "Procfile").read_text()
        command = shlex.split(procfile.partition("\nworker: ")[2].partition("\n")[0])
        command = command[command.index("celery") :]
        command[0] = str(self.project / ".venv/bin/celery")
        command[command.index("--queues") + 1] = self.queue
        if concurrency:
            command[command.index("--concurrency") + 1] = str(concurrency)
        self.started += 1
        log = self.place / f"worker-{self.started}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, "--hostname", f"{self.queue}-{self.started}@%h"],
                cwd=self.project,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        worker = Worker(process=process, log=log)
        self.workers.append(worker)
        if wait:
            demo.wait_until(lambda: worker.ready, seconds=LONG, what=f"a worker ({log})")
        return worker

    def replace_the_dead(self) -> None:
        """Start a worker for each that ended by itself, as `restart:` of compose.yaml does."""
        for worker in list(self.workers):
            if worker.process.poll() is not None:
                self.workers.remove(worker)
                self.hire(wait=False)

    def dismiss(self, worker: Worker) -> None:
        worker.end()
        self.workers.remove(worker)

    def dismiss_all(self) -> None:
        for worker in list(self.workers):
            self.dismiss(worker)

    def close(self) -> None:
        self.dismiss_all()
        for worker in self.orphaned:
            worker.end()
        if not self.broker.startswith("local"):
            self.parcels("clear")

    # What one sees --------------------------------------------------------------------------

    def count(self, query: str, *values: str) -> int:
        """Return the one number that a query answers."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=20)) as db:
            return int(db.execute(query, values).fetchone()[0])

    @property
    def sent(self) -> int:
        return self.count("SELECT count(*) FROM parcels_parcel")

    @property
    def delivered(self) -> int:
        return self.count("SELECT count(*) FROM parcels_parcel WHERE delivered_at IS NOT NULL")

    @property
    def attempts(self) -> int:
        return self.count("SELECT count(*) FROM parcels_attempt")

    @property
    def harmed(self) -> int:
        """Return how many parcels were delivered, in effect, more than once."""
        return self.count("SELECT count(*) FROM parcels_parcel WHERE deliveries > 1")

    def failures(self, like: str = "%") -> int:
        """Return how many rows the project has of tasks named `like` that failed for good."""
        return self.count("SELECT count(*) FROM trellis_failedtask WHERE name LIKE ?", like)

    def said(self) -> str:
        """Return what all workers logged."""
        return "".join(path.read_text() for path in sorted(self.place.glob("worker-*.log")))

    def wait_for(self, number: int, *, seconds: float = LONG) -> None:
        """Wait until so many parcels are delivered."""
        demo.wait_until(lambda: self.delivered >= number, seconds=seconds, what=f"{number} parcels")

    def wait_for_quiet(self, *, seconds: float, refused: int = 0) -> int:
        """Wait until all that was accepted is delivered, or until nothing happened for so long.

        Returns how many are missing.
        """
        seen, since = -1, time.monotonic()
        while (missing := self.sent - self.delivered) > refused:
            if time.monotonic() - since > seconds:
                break
            if self.attempts != seen or not all(worker.ready for worker in self.workers):
                seen, since = self.attempts, time.monotonic()
            time.sleep(0.2)
        return missing


@dataclass(frozen=True)
class Outcome:
    """What a day of killing came to."""

    sent: int
    killed_mains: int
    killed_children: int
    rescued: int  # by the sweep, of `sent`
    lost: int
    twice: int  # attempts more than there were parcels
    harmed: int  # parcels for which that made a difference


def chaos(depot: Depot, *, parcels: int, kills: int, dice: random.Random, quiet: float) -> Outcome:
    """Send parcels while two workers, mains and children in turn, are killed at random times."""
    for _ in range(2):
        depot.hire()
    sender = depot.start("-m", "parcels", "send", str(parcels))
    killed = {"main": 0, "child": 0}
    moments = sorted(dice.sample(range(1, parcels - 5), kills))
    for number, moment in enumerate(moments):
        depot.wait_for(moment)
        time.sleep(dice.random() / 10)
        worker = dice.choice([worker for worker in depot.workers if worker.ready] or depot.workers)
        children = worker.children()
        if number % 2 and children:
            os.kill(dice.choice(children), signal.SIGKILL)
            killed["child"] += 1
        else:
            os.kill(worker.process.pid, signal.SIGKILL)
            worker.process.wait()
            depot.hire(wait=False)
            depot.workers.remove(worker)
            depot.orphaned.append(worker)  # its children may live a little longer
            killed["main"] += 1
    depot.ended(sender)
    return settled(depot, quiet=quiet, killed=killed)


def settled(
    depot: Depot, *, quiet: float, killed: dict[str, int] | None = None, refused: int = 0
) -> Outcome:
    """Wait for the end, sweep once if something is missing, and count.

    `refused` parcels have a row because the broker took no message for them.
    """
    missing = depot.wait_for_quiet(seconds=quiet, refused=refused)
    if missing:
        depot.parcels("sweep")
        depot.wait_for_quiet(seconds=quiet)
    killed = killed or {"main": 0, "child": 0}
    return Outcome(
        sent=depot.sent,
        killed_mains=killed["main"],
        killed_children=killed["child"],
        rescued=missing,
        lost=depot.sent - depot.delivered,
        twice=depot.attempts - depot.sent,
        harmed=depot.harmed,
    )


def restart(
    depot: Depot,
    *,
    parcels: int,
    moments: tuple[int, ...],
    off: Callable[[], object],
    on: Callable[[], object],
    quiet: float,
) -> tuple[Outcome, int]:
    """Send parcels while their broker goes off and on. Returns what came of it, and the refused.

    A worker that holds a message as its Redis goes may end itself (kombu 5.7), and is replaced.
    """

    def delivered(number: int) -> bool:
        depot.replace_the_dead()
        return depot.delivered >= number

    for _ in range(2):
        depot.hire()
    sender = depot.start("-m", "parcels", "send", str(parcels))
    for moment in moments:
        until(lambda: delivered(moment), f"{moment} parcels")  # noqa: B023
        off()
        time.sleep(1)
        on()
    depot.ended(sender)
    depot.replace_the_dead()
    refused = depot.failures("parcels.deliver")
    return settled(depot, quiet=quiet, refused=refused), refused


@contextmanager
def opened(
    project: Path, place: Path, broker: str, *, shutdown: float | None = None
) -> Iterator[Depot]:
    """Open a depot in the folder `place`; at the end, stop all it started."""
    depot = Depot(project=project, place=place, broker=broker, shutdown=shutdown)
    depot.open()
    try:
        yield depot
    finally:
        depot.close()


def until(true: Callable[[], bool], what: str) -> None:
    """Wait for `true()`, long enough for any machine."""
    demo.wait_until(true, seconds=LONG, what=what)
