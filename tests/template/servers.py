"""PostgreSQL, Redis and RabbitMQ of our own: a test may stop, hang, kill and fill them.

Each keeps its data in a folder, listens at a free port, and dies with `kill`.
"""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

import demo

LOOPBACK = "127.0.0.1"
LONG = 120.0  # seconds that a server may take to start on a busy machine


@dataclass
class Server:
    """A server process and its children, in a process group of their own."""

    command: list[str]
    folder: Path
    address: str  # its URL
    port: int
    host: str = LOOPBACK
    environment: dict[str, str] = field(default_factory=dict)
    user: str | None = None  # who runs it
    prefix: tuple[str, ...] = ()  # of the command, such as `ip netns exec …`
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start, and wait until it accepts connections."""
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, *self.command],
                cwd=self.folder,
                env=os.environ | self.environment,
                user=self.user,
                group=self.user,
                extra_groups=[] if self.user else None,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        demo.wait_until(self.answers, seconds=LONG, what=self.command[0])

    def kill(self) -> None:
        """Kill it and all its children, as a power cut does."""
        if self.process:
            children = self._children()  # PostgreSQL's have sessions of their own
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            for pid in children:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        """Stop as an operator does: clients are disconnected, data is written."""
        if self.process:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=LONG)
            self.process = None

    def hang(self) -> None:
        """Let it keep its connections and answer nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def answers(self) -> bool:
        """Return whether it accepts a connection."""
        try:
            if self.address.startswith("postgres"):  # this one accepts, then says that it starts
                psycopg.connect(self.address, connect_timeout=2).close()
            socket.create_connection((self.host, self.port), timeout=1).close()
        except (OSError, psycopg.OperationalError):
            return False
        return True

    def _signal(self, sign: signal.Signals) -> None:
        assert self.process
        for pid in (self.process.pid, *self._children()):
            with suppress(ProcessLookupError):
                os.kill(pid, sign)

    def _children(self) -> list[int]:
        found = subprocess.run(
            ["pgrep", "-P", str(self.process.pid if self.process else 0)],
            capture_output=True,
            text=True,
            check=False,
        )
        return [int(pid) for pid in found.stdout.split()]


def postgres(folder: Path, *, host: str = LOOPBACK) -> Server:
    """Return a PostgreSQL of this machine's newest version, with an empty database `desk`."""
    binaries = postgres_binaries()
    assert binaries, "PostgreSQL is not installed"
    user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
    data, port = folder / "data", demo.free_port(host)
    if user:
        for parent in (folder, *folder.parents):  # pytest's folders are private
            if parent.owner() == "root" and parent != Path("/"):
                parent.chmod(parent.stat().st_mode | 0o011)
        shutil.chown(folder, user)
    quiet = {"stdout": subprocess.DEVNULL, "check": True, "user": user, "cwd": folder}
    options = ["--auth", "trust", "--username", "postgres", "--no-sync", "-E", "UTF8"]
    subprocess.run([binaries / "initdb", *options, data], **quiet)  # type: ignore[call-overload]
    listen = f"listen_addresses={host}"
    settings = ["-c", listen, "-c", f"unix_socket_directories={folder}", "-c", f"port={port}"]
    with (data / "pg_hba.conf").open("a") as rules:
        rules.write("host all all samenet trust\n")
    return Server(
        command=[str(binaries / "postgres"), "-D", str(data), *settings],
        folder=folder,
        address=f"postgres://postgres@{host}:{port}/postgres",
        port=port,
        host=host,
        user=user,
    )


def postgres_binaries() -> Path | None:
    """Return the folder of PostgreSQL's newest programs; None if there are none."""
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if found := shutil.which("initdb"):
        folders.append(Path(found).resolve().parent)
    return max(folders, key=lambda folder: folder.parent.name, default=None)


def create_database(server: Server, name: str) -> str:
    """Create a database on a PostgreSQL, and return its URL."""
    with psycopg.connect(server.address, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
    return f"{server.address.rpartition('/')[0]}/{name}"


def redis(folder: Path, *, host: str = LOOPBACK) -> Server:
    """Return a Redis that keeps its data as the one of compose.yaml does."""
    port = demo.free_port(host)
    command = ["redis-server", "--port", str(port), "--bind", host, "--protected-mode", "no"]
    return Server(
        command=[*command, "--appendonly", "yes", "--save", "", "--dir", str(folder)],
        folder=folder,
        address=f"redis://{host}:{port}",
        port=port,
        host=host,
    )


def rabbitmq(folder: Path) -> Server:
    """Return a RabbitMQ that shares nothing with another one of this machine."""
    port = demo.free_port()
    (folder / "rabbitmq.conf").write_text(f"listeners.tcp.1 = {LOOPBACK}:{port}\n")
    # Debian's command on the PATH changes the user; this one does not.
    packaged = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    command = str(packaged) if packaged.exists() else shutil.which("rabbitmq-server")
    return Server(
        command=[command or "rabbitmq-server"],
        folder=folder,
        port=port,
        address=f"amqp://guest:guest@{LOOPBACK}:{port}//",
        environment={
            "HOME": str(folder),
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "none.config"),
            "RABBITMQ_NODENAME": f"trellis-{port}@localhost",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_DIST_PORT": str(demo.free_port()),
            "RABBITMQ_MNESIA_BASE": str(folder / "db"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "ERL_FLAGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        },
    )


@contextmanager
def started(make: Callable[[Path], Server], folder: Path) -> Iterator[Server]:
    """Run a server for the time of a `with` block."""
    folder.mkdir(parents=True, exist_ok=True)
    server = make(folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()


def needs(*programs: str) -> None:
    """Skip a test where a server's program is not installed; fail it in CI."""
    found = {"postgres": postgres_binaries} | {"redis-server": lambda: shutil.which("redis-server")}
    for program in programs:
        if not found.get(program, lambda: shutil.which(program))():  # noqa: B023
            message = f"needs the program {program}, to run one of its own"
            if os.environ.get("CI"):
                pytest.fail(message)
            pytest.skip(message)
