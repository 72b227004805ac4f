"""`manage.py doctor` on real servers: all well, away, hanging, refusing, or with too few rights."""

import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

import demo
from tests.template.living import python, server_url
from tests.template.smtp import mail_server
from tests.template.test_settings import manage

# As beat and the worker do in the first minutes.
RUN = """
from celery import current_app
from django.utils import timezone
from trellis.tasks import catalogue, runs
for task in catalogue.tasks_of(current_app):
    runs.note_success(name=task.name, at=timezone.now())
"""
SECRET = "hunter2"
SERVERS = {
    "database": "DATABASE_URL",
    "cache": "CACHE_URL",
    "broker": "CELERY_BROKER_URL",
    "mail": "EMAIL_URL",
}
CANNOT_BE_ASKED = {"clock", "settings", "rights", "migrations", "workers", "schedule"}


def urls(port: int) -> dict[str, str]:
    """Return the variables that name four servers at one port of this machine."""
    place = f"user:{SECRET}@127.0.0.1:{port}"
    return {
        "DATABASE_URL": f"postgres://{place}/name",
        "CACHE_URL": f"redis://{place}/0",
        "CELERY_BROKER_URL": f"amqp://{place}//",
        "EMAIL_URL": f"smtp+tls://{place}",
    }


def doctor(project: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return manage(project, "doctor", **environment)


def marks(printed: str) -> dict[str, str]:
    """Return "ok", "FAIL" or "-" for each probe."""
    return {name: mark for mark, name in re.findall(r"^(ok|FAIL|-) +(\w+) ", printed, re.M)}


@pytest.fixture
def closed() -> int:
    """A port at which nobody listens."""
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield server.getsockname()[1]


@pytest.fixture
def weak_database() -> Iterator[str]:
    """A database on PostgreSQL whose user may connect to it, and nothing else."""
    postgres = server_url("TRELLIS_POSTGRES_URL")
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS trellis_doctor WITH (FORCE)")
        admin.execute("DROP ROLE IF EXISTS trellis_doctor")
        admin.execute(f"CREATE ROLE trellis_doctor LOGIN PASSWORD '{SECRET}'")
        admin.execute("CREATE DATABASE trellis_doctor")
        yield re.sub(r"//.*@(.*)/.*", rf"//trellis_doctor:{SECRET}@\1/trellis_doctor", postgres)
        admin.execute("DROP DATABASE trellis_doctor WITH (FORCE)")
        admin.execute("DROP ROLE trellis_doctor")


class TestDoctor:
    def test_finds_nothing_where_all_is_well(self, desk_project: Path, desk: str) -> None:
        python(desk_project, RUN)
        demo.wait_until(
            lambda: "ok   workers" in doctor(desk_project).stdout, seconds=30, what="the worker"
        )

        done = doctor(desk_project)

        assert set(marks(done.stdout).values()) == {"ok"}, done.stdout
        assert done.returncode == 0

    def test_names_each_server_that_is_away(self, desk_project: Path, closed: int) -> None:
        done = doctor(desk_project, **urls(closed))

        found = marks(done.stdout)
        assert {name for name, mark in found.items() if mark == "FAIL"} == set(SERVERS)
        assert {name for name, mark in found.items() if mark == "-"} == CANNOT_BE_ASKED
        for name, variable in SERVERS.items():
            fix = rf"^FAIL +{name} .*refused.*\n +.*{variable}"
            assert re.search(fix, done.stdout, re.M | re.I), done.stdout
        assert done.returncode == 1

    def test_takes_some_seconds_where_all_servers_hang(
        self, desk_project: Path, silent: int
    ) -> None:
        began = time.monotonic()
        done = doctor(desk_project, **urls(silent))
        seconds = time.monotonic() - began

        assert {name for name, mark in marks(done.stdout).items() if mark == "FAIL"} == set(SERVERS)
        assert seconds < 15

    def test_shows_no_password_that_a_server_refuses(self, desk_project: Path) -> None:
        with mail_server() as mails:
            mails.user = "somebody"
            place = f"//user:{SECRET}@"
            done = doctor(
                desk_project,
                DATABASE_URL=re.sub(r"//.*@", place, server_url("TRELLIS_POSTGRES_URL")),
                CACHE_URL=server_url("TRELLIS_REDIS_URL").replace("//", place),
                CELERY_BROKER_URL=re.sub(r"//.*@", place, server_url("TRELLIS_RABBITMQ_URL")),
                EMAIL_URL=mails.url.replace("//", place),
            )

        assert {name for name, mark in marks(done.stdout).items() if mark == "FAIL"} == set(SERVERS)
        assert SECRET not in done.stdout + done.stderr
        assert mails.mails == []

    def test_sees_what_the_database_s_user_may_not_do(
        self, desk_project: Path, weak_database: str
    ) -> None:
        done = doctor(desk_project, DATABASE_URL=weak_database)

        found = marks(done.stdout)
        assert (found["database"], found["rights"], found["migrations"]) == ("ok", "FAIL", "FAIL")
        assert "permission denied for schema public" in done.stdout
