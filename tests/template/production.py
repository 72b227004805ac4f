"""A generated project as it runs in production: proxy, web, worker, beat, on servers of its own.

People book seats in it through the proxy, while something goes wrong. `Load` notes each answer,
`what_became_of` tells afterwards what was lost.
"""

import contextlib
import http.client
import itertools
import json
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import demo
from tests.template import servers, serving
from tests.template.servers import Server
from tests.template.smtp import MailServer, mail_server

QUEUES = ("--queues", "default,mail,slow")
NO_ANSWER = 0  # instead of a status
PREPARE = """
import json, sys
from datetime import timedelta
from django.utils import timezone
from apps.accounts.models import User
from apps.catalog import services
from apps.catalog.models import Session
from trellis.web import tokens
people, sessions, seats = {people}, {sessions}, {seats}
at = timezone.now()
known = User.objects.count()
emails = [f"person-{{known + number}}@example.com" for number in range(people)]
users = User.objects.bulk_create([User(email=email) for email in emails])
summary = "As many as there are seats."
workshop = services.announce_workshop(title=f"At {{at}}", summary=summary, at=at)
ids = [
    services.schedule_session(
        workshop_id=workshop, starts_at=at + timedelta(days=30), minutes=60, room="Hall",
        capacity=seats, price_cents=0, at=at,
    )
    for _ in range(sessions)
]
print(json.dumps({{
    "tokens": [tokens.create(user=user, name="load", at=at)[1] for user in users],
    "sessions": [str(Session.objects.get(pk=one).public_id) for one in ids],
}}))
"""
# What beat does each minute and each five minutes, as if ten minutes had passed.
SWEEP = """
from datetime import timedelta
from django.utils import timezone
from apps.bookings import services
from trellis.tasks import failures
failures.republish_unpublished(by="sweep")
services.resend_overdue_confirmations(at=timezone.now() + timedelta(minutes=11))
"""
BOOKED = """
import json
from django.db.models import Count, F, Q
from apps.bookings.models import ACTIVE, Booking
from apps.catalog.models import Session
taken = {row["session"]: row["n"] for row in
    Booking.objects.filter(status__in=ACTIVE).values("session").annotate(n=Count("id"))}
wrong = [s.pk for s in Session.objects.all() if s.capacity - s.seats_left != taken.get(s.pk, 0)]
ids = [str(one) for one in Booking.objects.values_list("public_id", flat=True)]
print(json.dumps({"ids": ids, "wrong": wrong}))
"""


class Kept:
    """A process that is started again when it ends, as `restart: unless-stopped` does."""

    def __init__(
        self, command: list[str], *, cwd: Path, environment: dict[str, str], log: Path
    ) -> None:
        self.command, self.cwd, self.environment, self.log = command, cwd, environment, log
        self.over = threading.Event()
        self._start()
        threading.Thread(target=self._keep, daemon=True).start()

    def kill(self) -> None:
        """Kill it and its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def end(self) -> None:
        """Kill it, and let it be."""
        self.over.set()
        self.kill()
        self.process.wait()

    def _start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.cwd,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _keep(self) -> None:
        while not self.over.is_set():
            self.process.wait()
            if not self.over.wait(1):
                self._start()


@dataclass
class Production:
    """What runs, and how to reach it."""

    project: Path
    site: serving.Site
    worker: Kept
    beat: Kept
    mails: MailServer
    servers: dict[str, Server]

    def shell(self, code: str) -> str:
        """Run code in the project; return the last line that it printed."""
        shell = ("shell", "--no-imports", "-v0", "-c", code)
        return (
            serving.manage(self.project, self.site.environment, *shell).strip().rpartition("\n")[2]
        )

    def prepare(self, *, people: int, sessions: int, seats: int) -> "Offer":
        """Add people with tokens, and sessions with so many seats each."""
        found = self.shell(PREPARE.format(people=people, sessions=sessions, seats=seats))
        return Offer(**json.loads(found))


@dataclass(frozen=True)
class Offer:
    """Tokens of people, and ids of sessions that they can book."""

    tokens: list[str]
    sessions: list[str]


@contextlib.contextmanager
def running(project: Path, folder: Path, *, on_servers: bool) -> Iterator[Production]:
    """Run a project that is set up: on PostgreSQL and Redis, or on SQLite and files."""
    with contextlib.ExitStack() as stack:
        mails = stack.enter_context(mail_server())
        changes = {"EMAIL_URL": mails.url, "LOG_LEVEL": "WARNING"}
        used: dict[str, Server] = {}
        if on_servers:
            for name, make in (("postgres", servers.postgres), ("redis", servers.redis)):
                used[name] = stack.enter_context(servers.started(make, folder / name))
            changes |= {
                "DATABASE_URL": used["postgres"].address,
                "CACHE_URL": f"{used['redis'].address}/0",
                "CELERY_BROKER_URL": f"{used['redis'].address}/1",
            }
        else:
            changes |= {
                "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
                "LOCAL_BROKER_FOLDER": f"{folder}/broker",
            }
        environment = serving.environment_of(project, **changes)
        for command in ("migrate", "createcachetable"):
            serving.manage(project, environment, command, "-v0")
        # mypy takes `**` for all keywords, `command` among them.
        site = stack.enter_context(serving.served(project, **changes))  # type: ignore[arg-type]
        worker, beat = (
            Kept(
                [str(project / ".venv/bin/celery"), "-A", "config", *arguments],
                cwd=project,
                environment=environment | {"REMAP_SIGTERM": "SIGQUIT", "LOG_LEVEL": "INFO"},
                log=folder / f"{arguments[0]}.log",
            )
            for arguments in (
                ("worker", "--loglevel", "info", *QUEUES, "--concurrency", "2"),
                ("beat", "--schedule", str(folder / "schedule")),
            )
        )
        stack.callback(beat.end)
        stack.callback(worker.end)
        ready = folder / "worker.log"
        demo.wait_until(lambda: "ready." in ready.read_text(), seconds=90, what="the worker")
        yield Production(project, site, worker, beat, mails, used)


@dataclass(frozen=True)
class Answer:
    """An answer to a request for a seat. `ended` is on the monotonic clock."""

    status: int
    ended: float
    seconds: float
    booking: str = ""


@dataclass
class Load:
    """So many clients at `port` book a seat each, again and again, with a pause in between."""

    port: int
    offer: Offer
    clients: int = 6
    pause: float = 0.25  # seconds
    patience: float = 90  # seconds to wait, at the end, for who has no answer yet
    answers: list[Answer] = field(default_factory=list)
    unready: list[float] = field(default_factory=list)  # when /health/ready was not 200
    slowest_live: float = 0.0  # seconds

    def __enter__(self) -> "Load":
        self.over = threading.Event()
        # Each person books each session once.
        self.pairs = itertools.product(self.offer.sessions, self.offer.tokens)
        self.lock = threading.Lock()
        targets = [self._book] * self.clients + [self._look]
        self.threads = [threading.Thread(target=target, daemon=True) for target in targets]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join(timeout=self.patience)

    def bad_since(self, moment: float) -> float:
        """Return until how many seconds after a moment requests failed that were sent after it."""
        failed = [one for one in self.answers if one.status != 201]
        ends = [one.ended for one in failed if one.ended - one.seconds > moment]
        return max([0.0, *(end - moment for end in [*ends, *self.unready])])

    def _book(self) -> None:
        while not self.over.wait(self.pause):
            with self.lock:
                session, token = next(self.pairs)
            self.answers.append(book(self.port, session, token))

    def _look(self) -> None:
        while not self.over.wait(0.5):
            began = time.monotonic()
            live = serving.status(self.port, "/health/live", seconds=30)
            self.slowest_live = max(self.slowest_live, time.monotonic() - began)
            ready = serving.status(self.port, "/health/ready", seconds=10)
            if (live, ready) != (200, 200):
                self.unready.append(time.monotonic())


def book(port: int, session: str, token: str, *, source: str = "") -> Answer:
    """Book a seat through the API, as a program does. `source` is the client's own address."""
    began = time.monotonic()
    connection = http.client.HTTPConnection(
        "127.0.0.1", port, timeout=70, source_address=(source, 0) if source else None
    )
    status, booking = NO_ANSWER, ""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    try:
        body = json.dumps({"session": session})
        connection.request("POST", "/api/bookings", body, {"Host": "localhost"} | headers)
        answer = connection.getresponse()
        status, text = answer.status, answer.read()
        if status == 201:
            booking = json.loads(text)["public_id"]
    except (OSError, http.client.HTTPException):
        status = NO_ANSWER
    finally:
        connection.close()
    now = time.monotonic()
    return Answer(status, now, now - began, booking)


@dataclass(frozen=True)
class Outcome:
    """What became of the bookings that were accepted."""

    lost: int  # not in the database
    unsent: int  # without a mail, though all that sweeps has run
    twice: int  # with two mails
    swept: int  # whose mail only a sweep sent
    wrong: int  # sessions whose free seats are not what is left


def what_became_of(production: Production, accepted: list[str], *, seconds: float = 60) -> Outcome:
    """Wait for the mails of bookings, sweep what is missing, and count."""
    wanted = set(accepted)

    def mailed() -> Counter[str]:
        ids = (str(mail["Message-ID"]) for mail in list(production.mails.mails))
        return Counter(one[len("<booking-") :].partition("@")[0] for one in ids)

    def wait(limit: float) -> None:
        """Until all are there, or nothing has come for a while."""
        until, before, quiet = time.monotonic() + limit, -1, time.monotonic()
        while wanted - mailed().keys() and time.monotonic() < until:
            if (count := sum(mailed().values())) != before:
                before, quiet = count, time.monotonic()
            if time.monotonic() - quiet > 8:
                return
            time.sleep(0.5)

    wait(seconds)
    swept = len(wanted - mailed().keys())
    # What a killed process had claimed is free 70 seconds later, 10 after the task's time limit.
    until = time.monotonic() + 120
    while wanted - mailed().keys() and time.monotonic() < until:
        production.shell(SWEEP)
        wait(20)
    time.sleep(2)  # for a second mail
    booked, mails = json.loads(production.shell(BOOKED)), mailed()
    return Outcome(
        lost=len(wanted - set(booked["ids"])),
        unsent=len(wanted - mails.keys()),
        twice=sum(mails[one] > 1 for one in wanted),
        swept=swept,
        wrong=len(booked["wrong"]),
    )


def contest(production: Production, offer: Offer, session: str) -> Counter[int]:
    """Let all people book a session at the same moment; return how often each status came."""
    gate = threading.Barrier(len(offer.tokens))
    answers: list[Answer] = []

    def take(number: int, token: str) -> None:
        gate.wait()
        # Each from an address of its own: the proxy limits the requests of one.
        source = f"127.0.1.{number % 250 + 1}"
        answers.append(book(production.site.proxied, session, token, source=source))

    threads = [
        threading.Thread(target=take, args=pair, daemon=True) for pair in enumerate(offer.tokens)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    return Counter(answer.status for answer in answers)
