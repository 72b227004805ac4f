"""A generated project with the app `parcels` in it, workers that can be killed, and counts.

The project is copied, and the app is added to the copy. The workers are the Procfile's: the same
command and settings, but with a queue of their own.
"""

import os
import random
import shlex
import shutil
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

SETTINGS = """
INSTALLED_APPS += ["parcels"]
"""
CELERY_SETTINGS = """
import os
app.conf.task_default_queue = os.environ["PARCELS_QUEUE"]
if "PARCELS_SHUTDOWN" in os.environ:
    app.conf.worker_soft_shutdown_timeout = float(os.environ["PARCELS_SHUTDOWN"])
"""
LONG = 120.0  # seconds to wait, at most, for what takes a second or two on an idle machine


@dataclass
class Worker:
    """One worker: a main process and its children, in a process group of their own."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def is_ready(self) -> bool:
        return "ready." in self.log.read_text()

    def children(self) -> list[int]:
        """Return the process ids of the children."""
        found = subprocess.run(
            ["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False
        )
        return [int(pid) for pid in found.stdout.split()]

    def kill(self) -> None:
        """Kill all of it, also children whose main process has ended."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@dataclass
class ParcelProject:
    """The project, its broker, and its workers."""

    folder: Path  # for the copy of the project and what it writes
    virtualenv: Path
    broker: str  # its URL
    shutdown: float | None = None  # seconds a worker may take to stop; None: what the project says
    workers: list[Worker] = field(default_factory=list)
    killed: list[Worker] = field(default_factory=list)
    started: int = 0

    def __post_init__(self) -> None:
        self.queue = f"parcels-{uuid.uuid4().hex[:8]}"
        self.root = self.folder / "project"
        self.database = self.folder / "db.sqlite3"
        self.environment = demo.clean_environment() | {
            "IGNORE_ENV_FILE": "1",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "PARCELS_QUEUE": self.queue,
            "DATABASE_URL": f"sqlite:///{self.database}",
            "CELERY_BROKER_URL": self.broker,
            "LOCAL_BROKER_FOLDER": str(self.folder / "broker"),
            "LOG_JSON": "1",
            "REMAP_SIGTERM": "SIGQUIT",
        }
        if self.shutdown is not None:
            self.environment["PARCELS_SHUTDOWN"] = str(self.shutdown)

    def copy(self, project: Path) -> None:
        """Copy a generated project and add the app `parcels` to the copy."""
        ignored = shutil.ignore_patterns(".venv", "var", ".*_cache")
        shutil.copytree(project, self.root, ignore=ignored)
        shutil.copytree(Path(__file__).parent / "parcels", self.root / "parcels")
        for name, lines in (("settings", SETTINGS), ("celery", CELERY_SETTINGS)):
            with (self.root / "config" / f"{name}.py").open("a") as file:
                file.write(lines)

    # Commands

    def run(self, *arguments: str, exit_code: int = 0) -> str:
        """Run a Python command in the project and return what it printed."""
        return self.finish(self.start(*arguments), exit_code=exit_code)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a Python command in the project."""
        with (self.folder / "commands.log").open("ab") as log:
            return subprocess.Popen(
                [self.virtualenv / "bin/python", *arguments],
                cwd=self.root,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def finish(self, process: "subprocess.Popen[str]", *, exit_code: int = 0) -> str:
        """Wait for the end of a command that was started, and return what it printed."""
        printed, _ = process.communicate(timeout=10 * LONG)
        assert process.returncode == exit_code, (
            printed + (self.folder / "commands.log").read_text()[-1500:]
        )
        return printed.strip()

    def parcels(self, *command: str, exit_code: int = 0) -> str:
        """Run a command of `tests/template/parcels/__main__.py`."""
        return self.run("-m", "parcels", *command, exit_code=exit_code)

    # Workers

    def start_worker(self, *, wait: bool = True, concurrency: int | None = None) -> Worker:
        """Start a worker as the Procfile does."""
        procfile = (self.root / "Procfile").read_text()
        line = procfile.partition("\nworker: ")[2].partition("\n")[0]
        # watchfiles takes the command of the worker as one argument.
        (command,) = (shlex.split(word) for word in shlex.split(line) if " celery " in word)
        command = command[command.index("celery") :]
        command[0] = str(self.virtualenv / "bin/celery")
        command[command.index("--queues") + 1] = self.queue
        if concurrency:
            command[command.index("--concurrency") + 1] = str(concurrency)
        self.started += 1
        log = self.folder / f"worker-{self.started}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, "--hostname", f"{self.queue}-{self.started}@%h"],
                cwd=self.root,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        worker = Worker(process=process, log=log)
        self.workers.append(worker)
        if wait:
            wait_until(lambda: worker.is_ready, f"a worker ({log})")
        return worker

    def stop_worker(self, worker: Worker) -> float:
        """Stop a worker as compose.yaml does: SIGTERM, and SIGKILL after a grace period of 40 s.

        A new worker is started meanwhile. Return the seconds until the old one ended.
        """
        self.workers.remove(worker)
        self.killed.append(worker)
        worker.process.send_signal(signal.SIGTERM)
        started = time.monotonic()
        self.start_worker(wait=False)
        with suppress(subprocess.TimeoutExpired):
            worker.process.wait(timeout=40)
        worker.kill()
        return time.monotonic() - started

    def restart_ended_workers(self) -> None:
        """Start a worker for each that ended by itself, as `restart:` of compose.yaml does."""
        for worker in list(self.workers):
            if worker.process.poll() is not None:
                self.workers.remove(worker)
                self.start_worker(wait=False)

    def kill_workers(self) -> None:
        for worker in list(self.workers):
            worker.kill()
            self.workers.remove(worker)

    def close(self) -> None:
        """Stop all workers and delete the queue."""
        self.kill_workers()
        for worker in self.killed:
            worker.kill()
        if not self.broker.startswith("local"):
            self.parcels("delete_queue")

    # Counts

    def count(self, query: str, *values: str) -> int:
        """Return the one number that a query of the database yields."""
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
    def delivered_twice(self) -> int:
        """How many parcels were delivered, in effect, more than once."""
        return self.count("SELECT count(*) FROM parcels_parcel WHERE deliveries > 1")

    def failures(self, name: str = "%") -> int:
        """Return the number of failed tasks of a name, which may hold `%`."""
        return self.count("SELECT count(*) FROM trellis_failedtask WHERE name LIKE ?", name)

    def worker_logs(self) -> str:
        """Return what all workers logged."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("worker-*.log")))

    def wait_for_deliveries(self, number: int) -> None:
        """Wait until so many parcels are delivered."""
        wait_until(lambda: self.delivered >= number, f"{number} parcels")

    def wait_for_quiet(self, *, seconds: float, unpublished: int = 0) -> int:
        """Wait until all parcels are delivered but for `unpublished`, or nothing happens any more.

        `seconds` without an attempt count as "nothing happens". Return how many are missing.
        """
        attempts, since = -1, time.monotonic()
        while (missing := self.sent - self.delivered) > unpublished:
            if time.monotonic() - since > seconds:
                break
            if self.attempts != attempts or not all(worker.is_ready for worker in self.workers):
                attempts, since = self.attempts, time.monotonic()
            time.sleep(0.2)
        return missing


@dataclass(frozen=True)
class Outcome:
    """What became of the parcels."""

    sent: int
    killed_mains: int
    killed_children: int
    swept: int  # of `sent`: delivered only after the sweep
    lost: int
    repeated: int  # attempts more than there were parcels
    delivered_twice: int  # parcels for which a repeated attempt made a difference


def kill_at_random(
    project: ParcelProject, *, parcels: int, kills: int, dice: random.Random, quiet: float
) -> Outcome:
    """Send parcels while main processes and children of two workers are killed in turn."""
    for _ in range(2):
        project.start_worker()
    sender = project.start("-m", "parcels", "send", str(parcels))
    mains = children_killed = 0
    for number, deliveries in enumerate(sorted(dice.sample(range(1, parcels - 5), kills))):
        project.wait_for_deliveries(deliveries)
        time.sleep(dice.random() / 10)
        ready = [worker for worker in project.workers if worker.is_ready]
        worker = dice.choice(ready or project.workers)
        children = worker.children()
        if number % 2 and children:
            os.kill(dice.choice(children), signal.SIGKILL)
            children_killed += 1
        else:
            os.kill(worker.process.pid, signal.SIGKILL)
            worker.process.wait()
            project.start_worker(wait=False)
            project.workers.remove(worker)
            project.killed.append(worker)  # its children may live a little longer
            mains += 1
    project.finish(sender)
    return wait_and_count(project, quiet=quiet, killed=(mains, children_killed))


def wait_and_count(
    project: ParcelProject,
    *,
    quiet: float,
    killed: tuple[int, int] = (0, 0),
    unpublished: int = 0,
) -> Outcome:
    """Wait for the end, run the sweep once if something is missing, and count.

    `unpublished` parcels have a row because the broker did not take their message.
    """
    missing = project.wait_for_quiet(seconds=quiet, unpublished=unpublished)
    if missing:
        project.parcels("sweep")
        project.wait_for_quiet(seconds=quiet)
    return Outcome(
        sent=project.sent,
        killed_mains=killed[0],
        killed_children=killed[1],
        swept=missing,
        lost=project.sent - project.delivered,
        repeated=project.attempts - project.sent,
        delivered_twice=project.delivered_twice,
    )


def interrupt_broker(
    project: ParcelProject,
    *,
    parcels: int,
    moments: tuple[int, ...],
    stop: Callable[[], object],
    start: Callable[[], object],
    quiet: float,
) -> tuple[Outcome, int]:
    """Send parcels and stop the broker for a second when so many (`moments`) are delivered.

    Return what became of them, and how many messages the broker did not take. A worker that holds
    a message when its Redis stops may end itself (kombu 5.7), and is started again.
    """

    def delivered(number: int) -> bool:
        project.restart_ended_workers()
        return project.delivered >= number

    for _ in range(2):
        project.start_worker()
    sender = project.start("-m", "parcels", "send", str(parcels))
    for moment in moments:
        wait_until(lambda: delivered(moment), f"{moment} parcels")  # noqa: B023
        stop()
        time.sleep(1)
        start()
    project.finish(sender)
    project.restart_ended_workers()
    unpublished = project.failures("parcels.deliver")
    return wait_and_count(project, quiet=quiet, unpublished=unpublished), unpublished


@contextmanager
def opened(
    project: Path, folder: Path, broker: str, *, shutdown: float | None = None
) -> Iterator[ParcelProject]:
    """Prepare a project to send parcels, with its files in `folder`; stop all of it at the end."""
    parcels = ParcelProject(folder, virtualenv=project / ".venv", broker=broker, shutdown=shutdown)
    parcels.copy(project)
    parcels.run("manage.py", "migrate", "--run-syncdb", "--verbosity", "0")
    try:
        yield parcels
    finally:
        parcels.close()


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition, long enough for any machine."""
    demo.wait_until(condition, seconds=LONG, what=what)
