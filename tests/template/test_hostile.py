"""Each hostile request gets its status, in bounded time, and changes nothing in the database."""

import contextlib
import os
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from tests.template import serving
from tests.template.hostile_requests import CLOSED, ROWS, Hostile, sign_in
from tests.template.living import copy_of, server_url
from tests.template.serving import Site

SECONDS = 16  # the longest time-out is 10 s
BY_NAME = [pytest.param(row, id=row.what) for row in ROWS]
NEW_USER = """
from django.contrib.auth import get_user_model
get_user_model().objects.create_user(email="program@example.com", name="A program")
"""
# Every row of every table but for limits, which count attempts.
DUMP = """
from django.apps import apps
for model in apps.get_models():
    if model._meta.label != "trellis.Limit":
        print(model._meta.label, list(model._base_manager.order_by("pk").values_list()))
"""


SERVERS = [  # each started by one test process only
    pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in ("sqlite", "postgres")
]


@pytest.fixture(scope="module", params=SERVERS)
def site(
    request: pytest.FixtureRequest, desk_project: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Site, str]]:
    """A site behind nginx, and the token of a program."""
    project = copy_of(desk_project, tmp_path_factory.mktemp("hostile") / "desk")
    with contextlib.ExitStack() as stack:
        url = f"sqlite:///{project}/var/db.sqlite3"
        if request.param == "postgres":
            url = stack.enter_context(database(server_url("TRELLIS_POSTGRES_URL")))
            environment = serving.environment_of(project, DATABASE_URL=url)
            for command in (["migrate", "-v0"], ["createcachetable"]):
                serving.manage(project, environment, *command)
        site = stack.enter_context(serving.served(project, DATABASE_URL=url))
        serving.manage(project, site.environment, "shell", "-v0", "--no-imports", "-c", NEW_USER)
        create = ("api_token", "create", "program@example.com", "a program")
        token = serving.manage(project, site.environment, *create).split()[-1]
        before = dump(site)
        yield site, token
        assert dump(site) == before  # after all of them


@contextlib.contextmanager
def database(server: str) -> Iterator[str]:
    name = f"trellis_hostile_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name}")
        yield f"{server.rpartition('/')[0]}/{name}"
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def dump(site: Site) -> list[str]:
    found = serving.manage(
        site.project, site.environment, "shell", "-v0", "--no-imports", "-c", DUMP
    )
    # When a token was last used is noted at its first use.
    return [line for line in found.splitlines() if not line.startswith("trellis.ApiToken")]


def status_of(port: int, data: bytes) -> int:
    """Send bytes; return the status of the answer. Raises `TimeoutError` without one."""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        answer = b""
        with contextlib.suppress(ConnectionError, BrokenPipeError):
            connection.sendall(data)
        with contextlib.suppress(ConnectionError):
            while b"\r\n" not in answer and (piece := connection.recv(4096)):
                answer += piece
    found = re.match(rb"HTTP/1\.[01] (\d{3})", answer)
    return int(found[1]) if found else CLOSED


@pytest.fixture(scope="module")
def statuses(site: tuple[Site, str]) -> dict[tuple[str, str], int]:
    """The status of each request, by its name and way. Some wait for a time-out, so all at once."""
    served, token = site
    ports = {"proxied": served.proxied, "direct": served.direct}
    asked = [(row, way) for way in ports for row in ROWS]

    def ask(what: tuple[Hostile, str]) -> int:
        row, way = what
        return status_of(ports[way], row.data.replace(b"$TOKEN", token.encode()))

    with ThreadPoolExecutor(6) as pool:
        found = pool.map(ask, asked)
        return {(row.what, way): status for (row, way), status in zip(asked, found, strict=True)}


@pytest.mark.parametrize("row", BY_NAME)
class TestHostileRequest:
    def test_gets_its_status_through_the_proxy(
        self, statuses: dict[tuple[str, str], int], row: Hostile
    ) -> None:
        assert statuses[row.what, "proxied"] in (row.proxied, row.or_proxied)

    def test_gets_its_status_directly(
        self, statuses: dict[tuple[str, str], int], row: Hostile
    ) -> None:
        assert statuses[row.what, "direct"] == row.direct


class TestSignIn:
    @pytest.mark.parametrize("way", ["proxied", "direct"])
    def test_is_limited_whatever_headers_say(self, site: tuple[Site, str], way: str) -> None:
        port = getattr(site[0], way)
        found = []
        for number in range(6):
            forged = f"7.7.7.{number}"
            headers = [
                f"X_Forwarded_For: {forged}",
                f"X-Real-IP: {forged}",
                f"Forwarded: for={forged}",
            ]
            if way == "proxied":  # directly, this one comes from the proxy
                headers.append(f"X-Forwarded-For: {forged}")
            found.append(status_of(port, sign_in(f"{way}@example.com".encode(), *headers)))

        assert found == [200] * 5 + [429]
