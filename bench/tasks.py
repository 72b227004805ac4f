"""What becomes of 1,000 tasks when workers are killed, brokers crash and deployments happen.

    uv run python bench/tasks.py [kills] [crashes] [deploys] [overhead]

`kills`: SIGKILL to a worker's main process and to its children in turn, at random times, five runs
on each broker. `crashes`: the broker itself, three times, with servers of our own. `deploys`:
SIGTERM to four workers. `overhead`: empty tasks of our class beside Celery's own, in turn.
Without arguments all of them: an hour or so.

The broker in files is always there; Redis and RabbitMQ where TRELLIS_REDIS_URL and
TRELLIS_RABBITMQ_URL say so; for `crashes` redis-server and rabbitmq-server have to be installed.
`tests/test_queues.py` asserts the same with less of it.
"""

import itertools
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TEMPLATE))

import demo  # noqa: E402  # they stand beside us, not in an installed package
from tests import depot  # noqa: E402

FILES = "local://localhost"
RUNS, PARCELS, KILLS, STOPS = 5, 1000, 14, 4
SERIES, LENGTH = 60, 50  # of empty tasks
QUIET = 30.0  # seconds without anything, after which the sweep looks for what is missing


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
        for part in parts or ["kills", "crashes", "deploys", "overhead"]:
            for _ in range(RUNS if part == "kills" else 1):
                for name, address in brokers.items():
                    globals()[part](name, address, project, Path(folder))


@contextmanager
def opened(project: Path, folder: Path, address: str) -> Iterator[depot.Depot]:
    place = Path(tempfile.mkdtemp(dir=folder))
    with depot.opened(project, place, address) as house:
        yield house


def tell(*said: object) -> None:
    print(*said, flush=True)


def kills(name: str, address: str, project: Path, folder: Path) -> None:
    with opened(project, folder, address) as house:
        seed = random.randrange(10**6)  # noqa: S311  # said, so that a bad run can be looked into
        dice = random.Random(seed)  # noqa: S311
        outcome = depot.chaos(house, parcels=PARCELS, kills=KILLS, dice=dice, quiet=QUIET)
        tell("kills", name, outcome, f"failed={house.failures()}", f"seed={seed}")


def crashes(name: str, address: str, project: Path, folder: Path) -> None:
    moments = (100, 400, 700)
    place = Path(tempfile.mkdtemp(dir=folder))
    if name == "files":
        with opened(project, folder, FILES) as house:
            outcome, refused = depot.restart(
                house,
                parcels=PARCELS,
                moments=moments,
                off=house.dismiss_all,
                on=lambda: (house.hire(), house.hire()),
                quiet=QUIET,
            )
    else:
        server = redis_server(place) if name == "redis" else rabbitmq_server(place)
        server.start()
        try:
            with opened(project, folder, server.address) as house:
                outcome, refused = depot.restart(
                    house,
                    parcels=PARCELS,
                    moments=moments,
                    off=server.kill,
                    on=server.start,
                    quiet=QUIET,
                )
        finally:
            server.kill()
    tell("crashes", name, outcome, f"refused={refused}")


def deploys(name: str, address: str, project: Path, folder: Path) -> None:
    with opened(project, folder, address) as house:
        for _ in range(2):
            house.hire()
        house.parcels("send_long", "60")  # longer than a worker may take to stop
        sender = house.start("-m", "parcels", "send", str(PARCELS - 1))
        took = []
        for stop in range(STOPS):
            house.wait_for((stop + 1) * PARCELS // (STOPS + 2))
            old = house.workers[0]
            os.kill(old.process.pid, signal.SIGTERM)
            begun = time.monotonic()
            house.hire(wait=False)
            old.process.wait(timeout=depot.LONG)
            took.append(time.monotonic() - begun)
            house.workers.remove(old)
        house.ended(sender)
        outcome = depot.settled(house, quiet=QUIET)
        tell("deploys", name, outcome, f"slowest stop: {max(took):.1f} s")


def overhead(name: str, address: str, project: Path, folder: Path) -> None:
    with opened(project, folder, address) as house:
        house.parcels("race", str(SERIES), str(LENGTH))
        house.hire(concurrency=1)
        marks = SERIES + 1
        depot.until(lambda: house.count("SELECT count(*) FROM parcels_mark") == marks, "all series")
        times = [
            house.count("SELECT at * 1000000 FROM parcels_mark WHERE id = ?", str(mark + 1))
            for mark in range(marks)
        ]
    took = [after - before for before, after in itertools.pairwise(times)]
    pairs = [bare / ours for ours, bare in zip(took[::2], took[1::2], strict=True)]
    lower, _, upper = statistics.quantiles(pairs, n=4)
    tell(
        f"overhead {name}: tasks per second of our class, bare = 1:"
        f" {statistics.median(pairs):.2f} (median of {len(pairs)} pairs; half of them"
        f" {lower:.2f} to {upper:.2f})"
    )


@dataclass
class Server:
    """A broker of our own, which may be killed."""

    command: list[str]
    port: int
    address: str
    environment: dict[str, str]
    place: Path
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        with (self.place / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.place,
                env=os.environ | self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        demo.wait_until(self._answers, seconds=depot.LONG, what=f"{self.command[0]}")

    def kill(self) -> None:
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


def redis_server(place: Path) -> Server:
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1"]
    return Server(
        command=[*command, "--appendonly", "yes", "--save", "", "--dir", str(place)],
        port=port,
        address=f"redis://127.0.0.1:{port}/0",
        environment={},
        place=place,
    )


def rabbitmq_server(place: Path) -> Server:
    port = free_port()
    (place / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{port}\n")
    # Debian's command on the PATH changes the user first.
    packaged = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    command = str(packaged) if packaged.exists() else shutil.which("rabbitmq-server")
    return Server(
        command=[command or "rabbitmq-server"],
        port=port,
        address=f"amqp://guest:guest@127.0.0.1:{port}//",
        environment={
            "HOME": str(place),
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_CONFIG_FILE": str(place / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(place / "none.config"),
            "RABBITMQ_NODENAME": f"trellis-{port}@localhost",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(place / "db"),
            "RABBITMQ_LOG_BASE": str(place / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(place / "plugins"),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_FLAGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        },
        place=place,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main(sys.argv[1:])
