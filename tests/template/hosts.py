"""Hosts on one machine: network namespaces, each with an address of its own on a bridge.

Web and worker processes of a project run in them. PostgreSQL, Redis, the mail server and the proxy
run on the machine itself, at the address of the bridge. It takes root on Linux.
"""

import contextlib
import functools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import demo
from tests.template import servers, serving
from tests.template.living import copy_of
from tests.template.production import QUEUES, Kept, Production
from tests.template.smtp import mail_server

WEB, WORKERS = ("web1", "web2"), ("worker1", "worker2", "worker3")
PORT, HEALTH_PORT = 8000, 8001

# The workers take the messages when all of them are there, and all of the workers.
BOOK_ALL = """
from django.utils import timezone
from apps.accounts.models import User
from apps.bookings import services
from apps.catalog.models import Session
from config import celery_app as app
for _ in range(60):
    if len(app.control.inspect(timeout=1).ping() or ()) == {workers}:
        break
app.control.cancel_consumer("mail", reply=True)
session = Session.objects.get(public_id="{session}")
for user in User.objects.order_by("-pk")[:session.capacity].values_list("pk", flat=True):
    services.book_seat(session_public_id=session.public_id, by=user, at=timezone.now())
app.control.add_consumer("mail")
"""

LOCK = """
import time
from django.db import transaction
from apps.catalog.models import Session
with transaction.atomic():
    Session.objects.select_for_update().get(public_id="{session}")
    print("locked", flush=True)
    time.sleep(600)
"""


def why_not_here() -> str:
    """Return why there can be no hosts on this machine; "" if there can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "network namespaces take root on Linux"
    if not shutil.which("ip"):
        return "network namespaces take the program ip (of iproute2)"
    name = f"probe{os.getpid()}"
    tried = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if tried.returncode:
        return f"network namespaces are not allowed here: {tried.stderr.strip()}"
    _ip("netns", "del", name)
    return ""


@dataclass(frozen=True)
class Host:
    """A network namespace. `link` is its cable, at the end of the bridge."""

    namespace: str
    address: str
    link: str

    def cut(self) -> None:
        """Unplug it: its connections stay open, and nothing goes in or out."""
        _ip("link", "set", self.link, "down")

    def join(self) -> None:
        """Plug it in again."""
        _ip("link", "set", self.link, "up")

    def run(self, command: list[str]) -> list[str]:
        """Return the command that runs `command` there."""
        return ["ip", "netns", "exec", self.namespace, *command]


@contextlib.contextmanager
def network(names: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Host]]]:
    """Make a host of each name; yield the bridge's own address, and the hosts."""
    unique, third = os.getpid() % 100_000, os.getpid() % 250
    bridge, base = f"tr{unique}", f"10.213.{third}"
    hosts = {
        name: Host(f"tr{unique}-{name}", f"{base}.{number}", f"tr{unique}v{number}")
        for number, name in enumerate(names, start=11)
    }
    try:
        _ip("link", "add", bridge, "type", "bridge")
        _ip("addr", "add", f"{base}.1/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for host in hosts.values():
            _ip("netns", "add", host.namespace)
            peer = ("peer", "name", "eth0", "netns", host.namespace)
            _ip("link", "add", host.link, "type", "veth", *peer)
            _ip("link", "set", host.link, "master", bridge, "up")
            _ip("-n", host.namespace, "addr", "add", f"{host.address}/24", "dev", "eth0")
            _ip("-n", host.namespace, "link", "set", "eth0", "up")
            _ip("-n", host.namespace, "link", "set", "lo", "up")
        yield f"{base}.1", hosts
    finally:
        for host in hosts.values():  # a link would stay while a connection of its host does
            for what in (["link", "del", host.link], ["netns", "del", host.namespace]):
                subprocess.run(["ip", *what], capture_output=True, check=False)
        subprocess.run(["ip", "link", "del", bridge], capture_output=True, check=False)


@dataclass
class Site(Production):
    """A project on several hosts. `kept` has the process of each, by the host's name."""

    hosts: dict[str, Host]
    kept: dict[str, Kept]
    start_worker: Callable[[str], None]  # by the host's name

    def die(self, name: str) -> None:
        """Let a host lose power."""
        self.hosts[name].cut()
        self.kept[name].end()

    @contextlib.contextmanager
    def locked(self, name: str, session: str) -> Iterator[None]:
        """Let a process of a host lock the row of a session. It never lets go."""
        code = LOCK.format(session=session)
        command = ("manage.py", "shell", "--no-imports", "-v0", "-c", code)
        with subprocess.Popen(
            self.hosts[name].run([str(self.project / ".venv/bin/python"), *command]),
            cwd=self.project,
            env=self.site.environment,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                assert process.stdout
                assert process.stdout.readline() == "locked\n"
                yield
            finally:
                process.kill()


@contextlib.contextmanager
def running(original: Path, folder: Path) -> Iterator[Site]:
    """Run a copy of a project that is set up on two web hosts and three worker hosts."""
    project = copy_of(original, folder / "project")
    with contextlib.ExitStack() as stack:
        bridge, hosts = stack.enter_context(network((*WEB, *WORKERS)))
        mails = stack.enter_context(mail_server(host=bridge))
        used = {
            make.__name__: stack.enter_context(
                servers.started(functools.partial(make, host=bridge), folder / make.__name__)
            )
            for make in (servers.postgres, servers.redis)
        }
        environment = serving.environment_of(
            project,
            ALLOWED_HOSTS="localhost",
            EMAIL_URL=mails.url,
            DATABASE_URL=used["postgres"].address,
            CACHE_URL=f"{used['redis'].address}/0",
            CELERY_BROKER_URL=f"{used['redis'].address}/1",
            PORT=str(PORT),
            HEALTH_PORT=str(HEALTH_PORT),
            WEB_CONCURRENCY="1",
            REMAP_SIGTERM="SIGQUIT",
        )
        for command in (["migrate"], ["collectstatic", "--no-input"]):
            serving.manage(project, environment, *command, "-v0")
        kept: dict[str, Kept] = {}

        def start(name: str, *command: str) -> None:
            words = [str(project / ".venv/bin" / command[0]), *command[1:]]
            kept[name] = Kept(
                hosts[name].run(words) if name in hosts else words,
                cwd=project,
                environment=environment | {"LOG_LEVEL": "INFO"},
                log=folder / f"{name}.log",
            )
            stack.callback(kept[name].end)

        def start_worker(name: str) -> None:
            names = ("--hostname", f"{name}@%h", "--concurrency", "1")
            start(name, "celery", "-A", "config", "worker", *QUEUES, "--loglevel", "info", *names)

        for name in WEB:
            start(name, Path(serving.GUNICORN[0]).name, *serving.GUNICORN[1:])
        for name in WORKERS:
            start_worker(name)
        start("beat", "celery", "-A", "config", "beat", "--schedule", str(folder / "schedule"))
        # As docs/deploy.md says: a line for each web host.
        path = project / "deploy/nginx.conf"
        conf = path.read_text()
        for port in (PORT, HEALTH_PORT):
            lines = " ".join(f"server {hosts[name].address}:{port};" for name in WEB)
            conf = conf.replace(f"server web:{port};", lines)
        path.write_text(conf)
        for name in WEB:
            address = hosts[name].address
            demo.wait_until(
                lambda: demo.answers(f"http://{address}:{HEALTH_PORT}/health/live"),  # noqa: B023
                seconds=60,
                what=name,
            )
        for name in WORKERS:
            log = folder / f"{name}.log"
            demo.wait_until(lambda: "ready." in log.read_text(), seconds=60, what=name)  # noqa: B023
        port = stack.enter_context(serving.proxied(project, direct=PORT, health=HEALTH_PORT))
        site = serving.Site(
            project, environment, PORT, HEALTH_PORT, kept["web1"].process, folder / "web1.log", port
        )
        beside = (hosts, kept, start_worker)
        yield Site(project, site, kept["worker1"], kept["beat"], mails, used, *beside)


def fail(site: Site) -> float:
    """Cut a worker host off for ten seconds, then let a web host die; return when that was."""
    site.hosts["worker1"].cut()
    time.sleep(10)
    site.hosts["worker1"].join()
    time.sleep(3)
    site.die("web2")
    return time.monotonic()


def throughput(site: Site, *, workers: int, mails: int, delay: float) -> float:
    """Return how many mails so many worker hosts send in a second. The server delays each."""
    for name in WORKERS:
        site.kept[name].end()
    site.mails.mails.clear()
    site.mails.delay = delay
    offer = site.prepare(people=mails, sessions=1, seats=mails)
    for name in WORKERS[:workers]:
        site.start_worker(name)
    site.shell(BOOK_ALL.format(session=offer.sessions[0], workers=workers))

    def arrived(count: int) -> float:
        demo.wait_until(lambda: len(site.mails.mails) >= count, seconds=120, what=f"{count} mails")
        return time.monotonic()

    begun = arrived(1)
    return (mails - 1) / (arrived(mails) - begun)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
