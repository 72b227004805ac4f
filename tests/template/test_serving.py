"""The web server and its proxy while clients, the database and processes misbehave."""

import functools
import http.client
import os
import signal
import socket
import sqlite3
import ssl
import statistics
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

import demo
from bench import servers as bench
from tests.template import servers, serving
from tests.template.living import copy_of
from tests.template.serving import Site

LIVE, READY = "/health/live", "/health/ready"


@pytest.fixture(scope="module")
def project(desk_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of(desk_project, tmp_path_factory.mktemp("served") / "desk")


@pytest.fixture(scope="module")
def site(project: Path) -> Iterator[Site]:
    with serving.served(project) as site:
        yield site


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[servers.Server]:
    server = servers.postgres(tmp_path)
    server.start()
    yield server
    server.resume()
    server.kill()


class TestSlowBodies:
    HEAD = (
        b"POST /accounts/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n"
        b"Cookie: csrftoken=%s\r\n\r\nx" % (b"c" * 32)
    )

    def test_stop_nobody_behind_the_proxy(self, site: Site) -> None:
        with bench.connections(site.proxied, self.HEAD):
            time.sleep(0.5)
            pages = [serving.status(site.proxied, "/accounts/login/") for _ in range(6)]
            assert pages == [200] * 6
            assert serving.status(site.proxied, LIVE) == 200

    def test_are_ended_as_slow_heads_are(self, site: Site) -> None:
        slow = (self.HEAD, self.HEAD[:20])

        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(functools.partial(ends, site.proxied), slow)) == [True, True]

    def test_of_one_address_are_limited_in_number(self, site: Site) -> None:
        with bench.connections(site.proxied, self.HEAD, count=100):
            time.sleep(0.5)
            assert serving.status(site.proxied, "/accounts/login/") == 429
        demo.wait_until(
            lambda: serving.status(site.proxied, "/accounts/login/") == 200,
            seconds=10,
            what="the end of the slow ones",
        )

    def test_end_and_do_not_hide_that_the_process_lives(self, site: Site) -> None:
        with bench.connections(site.direct, self.HEAD):
            time.sleep(0.5)
            assert serving.status(site.health, LIVE) == 200
            demo.wait_until(
                lambda: all(
                    serving.status(site.direct, "/accounts/login/") == 200 for _ in range(8)
                ),
                seconds=60,
                what="the time-out of the slow ones",
            )


def ends(port: int, data: bytes) -> bool:
    """Send data and wait; return whether the server ends the connection within 16 seconds."""
    with socket.create_connection(("127.0.0.1", port), timeout=16) as connection:
        connection.sendall(data)
        try:
            return not connection.recv(4096)
        except TimeoutError:
            return False


class TestWrongNames:
    def test_do_not_make_live_slow(self, site: Site) -> None:
        def attack(number: int) -> int:
            return serving.sign_in(site.proxied, f"{number}@example.com", "wrong")

        with ThreadPoolExecutor(16) as pool:
            attacks = [pool.submit(attack, number) for number in range(32)]
            times = []
            while not all(one.done() for one in attacks):
                began = time.monotonic()
                assert serving.status(site.health, LIVE, seconds=10) == 200
                times.append(time.monotonic() - began)
                time.sleep(0.02)

        assert {one.result() for one in attacks} <= {200, 429}
        assert statistics.median(times) < 0.5


class TestDatabaseThatHangs:
    def test_takes_neither_live_nor_an_answer_about_ready(
        self, project: Path, postgres: servers.Server
    ) -> None:
        url = postgres.address
        production = serving.environment_of(project, DATABASE_URL=url)
        for command in (["migrate", "-v0"], ["createcachetable"]):
            serving.manage(project, production, *command)
        with serving.served(project, DATABASE_URL=url) as site, ThreadPoolExecutor(20) as pool:
            assert serving.status(site.proxied, READY) == 200
            postgres.hang()
            waiting: list[Future[int]] = [
                pool.submit(serving.status, site.direct, "/api/sessions", seconds=60)
                for _ in range(20)  # more than there are threads
            ]
            time.sleep(1)
            for way in (site.proxied, site.health):
                assert serving.status(way, LIVE, seconds=2) == 200
                assert serving.status(way, READY, seconds=5) == 503
            # The requests end with an error, and not with the patience of their visitors.
            assert waiting[0].result() == 503
            postgres.resume()
            demo.wait_until(
                lambda: serving.status(site.proxied, READY) == 200, seconds=30, what="ready"
            )
            demo.wait_until(
                lambda: serving.status(site.proxied, "/api/sessions") == 200,
                seconds=90,
                what="a page",
            )


class TestProcess:
    def test_is_replaced_when_it_is_killed(self, project: Path) -> None:
        with serving.served(project) as site:
            demo.wait_until(lambda: len(site.children()) == 2, seconds=30, what="both processes")
            before = site.children()
            os.kill(before[0], signal.SIGKILL)
            demo.wait_until(
                lambda: len(set(site.children()) - set(before)) == 1, seconds=30, what="a new one"
            )

            demo.wait_until(
                lambda: serving.status(site.proxied, LIVE) == 200, seconds=30, what="live"
            )

    def test_ends_with_its_main_process(self, project: Path) -> None:
        with serving.served(project) as site:
            before = site.children()
            os.kill(site.server.pid, signal.SIGKILL)
            site.server.wait()

            demo.wait_until(
                lambda: not any(map(bench.is_running, before)), seconds=20, what="the last one"
            )

    def test_answers_what_it_has_begun_when_it_is_stopped(self, project: Path) -> None:
        with serving.served(project) as site, ThreadPoolExecutor(8) as pool:
            database = sqlite3.connect(project / "var/db.sqlite3", isolation_level=None)
            database.execute("BEGIN IMMEDIATE")  # so that who signs in waits
            signing = [
                pool.submit(serving.sign_in, site.proxied, f"{number}@example.com", "wrong")
                for number in range(6)
            ]
            time.sleep(5)  # until all have begun, on a busy machine too
            site.server.terminate()
            time.sleep(5)
            assert not any(one.done() for one in signing)
            database.close()
            assert site.server.wait(timeout=30) == 0

            assert [one.result() for one in signing] == [200] * 6


class TestTls:
    def test_is_on_with_the_lines_that_the_configuration_holds(
        self, project: Path, tmp_path: Path
    ) -> None:
        key, certificate = tmp_path / "privkey.pem", tmp_path / "fullchain.pem"
        command = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost"
        files: list[str | Path] = [
            "-addext",
            "subjectAltName=DNS:localhost",
            "-keyout",
            key,
            "-out",
            certificate,
        ]
        subprocess.run([*command.split(), *files], check=True, capture_output=True)
        challenges = tmp_path / "webroot/.well-known/acme-challenge"
        challenges.mkdir(parents=True)
        (challenges / "of-certbot").touch()
        with serving.served(project, SECURE_SSL_REDIRECT="true") as site:
            tls_port = demo.free_port()
            with serving.proxied(
                project, direct=site.direct, health=site.health, tls=(tls_port, tmp_path)
            ) as port:
                plain = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                plain.request("GET", "/", headers={"Host": "localhost"})
                redirect = plain.getresponse()
                context = ssl.create_default_context(cafile=certificate)
                visitor = http.client.HTTPSConnection("localhost", tls_port, context=context)
                visitor.request("GET", "/", headers={"Host": "localhost"})
                page = visitor.getresponse()
                plain.close()
                visitor.close()
                challenge = serving.status(port, "/.well-known/acme-challenge/of-certbot")
                forged = {"X_Forwarded_Proto": "https", "X_FORWARDED_PROTO": "https"}
                believed = [serving.status(way, "/", headers=forged) for way in (port, site.direct)]

        assert (redirect.status, redirect.getheader("Location")) == (301, "https://localhost/")
        assert challenge == 200  # without TLS, which certbot has yet to bring
        assert believed == [301, 301]
        assert page.status == 200
        assert page.getheader("Server") == "nginx"  # without its version
        assert "max-age=31536000" in (page.getheader("Strict-Transport-Security") or "")
        assert "camera=()" in (page.getheader("Permissions-Policy") or "")
