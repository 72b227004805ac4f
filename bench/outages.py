"""Faults that bench/reliability.py causes, each for as long as its function runs.

The docstring of each is how the page calls it.
"""

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg

from tests.template import serving
from tests.template.production import Production

DISK = 400  # megabytes
GARBAGE = (
    "garbage",
    "[]",
    "{}",
    '{"body": 1}',
    "[" * 5000,
    '{"headers": {}, "properties": {}}',
    "\0",
)


def nothing(site: Production) -> None:
    """nothing, for ten seconds"""
    time.sleep(10)


def postgres_restarted(site: Production) -> None:
    """PostgreSQL restarted"""
    site.servers["postgres"].stop()
    site.servers["postgres"].start()


def postgres_killed(site: Production) -> None:
    """PostgreSQL killed, back after 5 s"""
    site.servers["postgres"].kill()
    time.sleep(5)
    site.servers["postgres"].start()


def postgres_hung(site: Production) -> None:
    """PostgreSQL hung for 20 s (SIGSTOP)"""
    with hung(site, "postgres"):
        time.sleep(20)


def redis_restarted(site: Production) -> None:
    """Redis restarted (cache and broker)"""
    site.servers["redis"].stop()
    site.servers["redis"].start()


def redis_hung(site: Production) -> None:
    """Redis hung for 20 s (SIGSTOP)"""
    with hung(site, "redis"):
        time.sleep(20)


def broker_away(site: Production) -> None:
    """cache and broker killed, back after 30 s"""
    site.servers["redis"].kill()
    time.sleep(30)
    site.servers["redis"].start()


def worker_killed(site: Production) -> None:
    """the worker killed three times in 15 s"""
    for _ in range(3):
        site.worker.kill()
        time.sleep(5)


def web_child_killed(site: Production) -> None:
    """one of two web processes killed, three times in 9 s"""
    for _ in range(3):
        os.kill(site.site.children()[0], signal.SIGKILL)
        time.sleep(3)


def database_disk_full(site: Production) -> None:
    """disk of the database full for 15 s"""
    server = site.servers["postgres"]
    with full(server.folder):
        time.sleep(15)
    if server.process and server.process.poll() is not None:
        server.start()  # as a supervisor does: it gives up if it cannot write its log


def broker_disk_full(site: Production) -> None:
    """disk of the broker full for 15 s"""
    with full(site.servers["redis"].folder):
        time.sleep(15)


def table_locked(site: Production) -> None:
    """the table of bookings locked for 20 s"""
    with psycopg.connect(site.servers["postgres"].address) as other:
        other.execute("LOCK TABLE bookings_booking IN ACCESS EXCLUSIVE MODE")
        time.sleep(20)


def statement_timeout(site: Production) -> None:
    """for 10 s, a booking takes 40 s to be written"""
    slow = (
        "CREATE OR REPLACE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN PERFORM pg_sleep({seconds}); RETURN NEW; END $$"
    )
    with psycopg.connect(site.servers["postgres"].address, autocommit=True) as other:
        other.execute(slow.format(seconds=40))
        other.execute(
            "CREATE TRIGGER slow BEFORE INSERT ON bookings_booking"
            " FOR EACH ROW EXECUTE FUNCTION slow()"
        )
        time.sleep(10)
        other.execute(slow.format(seconds=0))  # to drop it would wait for those who are sleeping


def slow_clients(site: Production) -> None:
    """40 clients send one byte of 1,000, for 15 s"""
    head = b"POST /accounts/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nx"
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            address = ("127.0.0.1", site.site.proxied)
            client = socket.create_connection(address, source_address=("127.0.0.9", 0))
            stack.enter_context(client).sendall(head)
        time.sleep(15)


def garbage(site: Production) -> None:
    """garbage on each queue, for 10 s"""
    redis = site.servers["redis"]
    for _ in range(10):
        for queue in ("default", "mail", "slow"):
            with socket.create_connection((redis.host, redis.port)) as link:
                for item in GARBAGE:
                    words = (b"LPUSH", queue.encode(), item.encode())
                    parts = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
                    link.sendall(b"*2\r\n$6\r\nSELECT\r\n$1\r\n1\r\n*3\r\n" + parts)
                link.settimeout(2)
                link.recv(4096)
        time.sleep(1)


def login_flood(site: Production) -> None:
    """16 clients sign in with wrong passwords, for 15 s"""
    until = time.monotonic() + 15

    def flood(number: int) -> None:
        turn = 0
        while time.monotonic() < until:
            turn += 1
            serving.sign_in(site.site.proxied, f"name-{number}-{turn}@example.com", "wrong")

    threads = [threading.Thread(target=flood, args=[number]) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


ALL: dict[str, Callable[[Production], None]] = {
    fault.__name__: fault
    for fault in (
        *(nothing, postgres_restarted, postgres_killed, postgres_hung, redis_restarted),
        *(redis_hung, broker_away, worker_killed, web_child_killed, database_disk_full),
        *(broker_disk_full, table_locked, statement_timeout, slow_clients, garbage, login_flood),
    )
}


@contextlib.contextmanager
def hung(site: Production, name: str) -> Iterator[None]:
    site.servers[name].hang()
    try:
        yield
    finally:
        site.servers[name].resume()


@contextlib.contextmanager
def full(folder: Path) -> Iterator[None]:
    """Leave no byte free on the small disk at `folder`."""
    ballast = folder / "ballast"
    try:
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(65536))
        yield
    finally:
        ballast.unlink()


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Mount a small disk at `folder`; yield whether that is allowed here."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}m", "tmpfs", str(folder)]
    allowed = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield allowed
    finally:
        if allowed:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
