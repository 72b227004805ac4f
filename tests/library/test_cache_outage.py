"""Reads and writes while a Redis stops, is killed, and comes back."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import connections
from pytest_django import Settings

from trellis.caching import cached_read, outage
from trellis.caching.cached_read import declared


@pytest.fixture
def port(settings: Settings) -> int:
    """The port of the Redis that is the cache in this test."""
    if not shutil.which("redis-server"):
        if os.environ.get("CI"):
            pytest.fail("needs the program redis-server, to kill one of its own")
        pytest.skip("needs the program redis-server, to kill one of its own")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": f"redis://127.0.0.1:{port}/0",
            "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 0.5},
        }
    }
    return port


@contextlib.contextmanager
def redis_server(port: int, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    arguments = ["--port", str(port), "--save", "", "--appendonly", "no", "--dir", str(folder)]
    server = subprocess.Popen(["redis-server", *arguments], stdout=subprocess.DEVNULL)
    try:
        yield server
    finally:
        server.kill()
        server.wait()


def wait_until(condition: Callable[[], object], *, seconds: float) -> bool:
    """Return whether the condition holds within so many seconds. An error counts as no."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(Exception):
            if condition():
                return True
        time.sleep(0.1)
    return False


@pytest.mark.django_db(transaction=True)
class TestOutage:
    def test_fails_no_read_and_no_write(
        self, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(outage, "BYPASS_SECONDS", 0.5)
        truth = [0]
        over = threading.Event()
        failed: list[Exception] = []

        @cached_read(name="tests.out", version=1, ttl=60, bottleneck="a test", invalidated_by=())
        def read(*, pk: int) -> int:
            return truth[0]

        key = read.keys.make({"pk": 1}).value

        def read_on() -> None:
            while not over.is_set():
                try:
                    read(pk=1)
                except Exception as error:
                    failed.append(error)
                time.sleep(0.005)
            connections.close_all()

        def write_on() -> None:
            while not over.is_set():
                truth[0] += 1
                read.invalidate(pk=1)
                time.sleep(0.1)
            connections.close_all()

        readers = [threading.Thread(target=read_on) for _ in range(3)]
        writer = threading.Thread(target=write_on)
        with redis_server(port, tmp_path) as server:
            for thread in (*readers, writer):
                thread.start()
            try:
                assert wait_until(lambda: cache.get(key), seconds=20)
                server.send_signal(signal.SIGSTOP)
                time.sleep(1)
                server.send_signal(signal.SIGCONT)
                assert wait_until(lambda: cache.get(key), seconds=20), "not used after the stop"
                server.kill()
                time.sleep(0.5)
                with redis_server(port, tmp_path):
                    assert wait_until(lambda: cache.get(key), seconds=20), "not used when back"
                    assert wait_until(lambda: read(pk=1) == truth[0], seconds=20), "still old"
            finally:
                over.set()
                for thread in (*readers, writer):
                    thread.join()
                declared.pop("tests.out")
                outage.state.reset()
        assert failed == []
        assert truth[0] > 10, "the writer stopped"
