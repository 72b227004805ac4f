"""Gunicorn and granian beside each other: what stops them, what they lose, and what they cost.

    uv run python bench/servers.py [scenario ...]

Each scenario starts a server with two processes of eight threads that serves the generated example,
and asks it directly and through nginx with the project's configuration, side by side in one run.
`dead_child`: one process gets SIGKILL. `dead_main`: the main process does. `slow_bodies`: 30
connections send one byte of 1,000. `slow_readers`: 30 connections read nothing of their answers.
`stop`: SIGTERM while eight people sign in. `wrong_names`: 16 clients sign in with wrong names.
`load`: REQUESTS (50,000) requests for the list of sessions; memory and CPU time. Linux, with nginx.
"""

import contextlib
import http.client
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TEMPLATE))

import demo  # noqa: E402  # beside us, in no installed package
from tests.template import serving  # noqa: E402
from tests.template.serving import Site  # noqa: E402

GRANIAN = (
    *(".venv/bin/granian", "--interface", "wsgi", "--no-ws", "--port", "$PORT", "--workers", "2"),
    *("--blocking-threads", "8", "--workers-kill-timeout", "30", "config.wsgi:application"),
)
SERVERS = {"gunicorn": serving.GUNICORN, "granian": GRANIAN}
REQUESTS = int(os.environ.get("REQUESTS", "50000"))
LIVE = "/health/live"
LIST = "/api/sessions"


def main(names: list[str]) -> None:
    scenarios = (dead_child, dead_main, slow_bodies, slow_readers, stop, wrong_names, load)
    with tempfile.TemporaryDirectory() as folder:
        demo.generate(into=Path(folder))
        project = Path(folder) / demo.NAME
        demo.run(["make", "setup"], cwd=project)
        demo.run(["uv", "pip", "install", "--quiet", "granian>=2.8,<3"], cwd=project)
        for scenario in scenarios:
            if names and scenario.__name__ not in names:
                continue
            for name, command in SERVERS.items():
                for way in ("direct", "proxied"):
                    with serving.served(project, command=command) as site:
                        found = scenario(site, site.direct if way == "direct" else site.proxied)
                    print(f"{scenario.__name__:13} {name:9} {way:8} {found}", flush=True)


def dead_child(site: Site, port: int) -> str:
    """SIGKILL to one of two processes: who is answered in the next five seconds, and is it back?"""
    before = processes(site)
    os.kill(before[0], signal.SIGKILL)
    answered = ask_for(seconds=5, port=port, path=LIVE)
    left = [pid for pid in processes(site) if pid not in before]
    return (
        f"{answered}, new processes: {len(left)}, main process runs: {site.server.poll() is None}"
    )


def dead_main(site: Site, port: int) -> str:
    """SIGKILL to the main process: does anything still listen five seconds later?"""
    before = processes(site)
    os.kill(site.server.pid, signal.SIGKILL)
    site.server.wait()
    time.sleep(5)
    orphans = [pid for pid in before if is_running(pid)]
    return f"orphans: {len(orphans)}, still listening: {serving.status(site.direct, LIVE) == 200}"


def slow_bodies(site: Site, port: int) -> str:
    """30 connections that send one byte of their 1,000."""
    head = b"POST /accounts/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
    head += b"Content-Type: application/x-www-form-urlencoded\r\n"
    head += b"Cookie: csrftoken=%s\r\n\r\nx" % (b"c" * 32)  # without it, nothing reads the body
    with connections(port, head):
        time.sleep(1)
        found = [answer_of(port, "/accounts/login/"), answer_of(port, LIVE)]
        own = f", on its own port {answer_of(site.health, LIVE)}" if site.health != port else ""
    return f"page {found[0]}, live {found[1]}{own}"


def slow_readers(site: Site, port: int) -> str:
    """30 connections that ask for many large pages and read nothing."""
    path = next((site.project / "var/static").glob("vendor/pico*.css")).name
    head = f"GET /static/vendor/{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * 40
    with connections(port, head):
        time.sleep(1)
        found = [answer_of(port, "/accounts/login/"), answer_of(port, LIVE)]
    return f"page {found[0]}, live {found[1]}"


def stop(site: Site, port: int) -> str:
    """SIGTERM while eight people sign in."""
    with ThreadPoolExecutor(8) as pool:
        signing = [
            pool.submit(serving.sign_in, port, f"{number}@example.com", "wrong")
            for number in range(8)
        ]
        time.sleep(0.5)
        site.server.terminate()
        started = time.monotonic()
        with contextlib.suppress(subprocess.TimeoutExpired):
            site.server.wait(timeout=60)
        seconds = time.monotonic() - started
        results = [future.result() for future in signing]
    return f"statuses {sorted(results)}, stopped after {seconds:.1f} s"


def wrong_names(site: Site, port: int) -> str:
    """16 clients sign in with wrong names, for ten seconds, while a probe asks for live."""
    end = time.monotonic() + 10
    tries: list[int] = []

    def attack(number: int) -> None:
        while time.monotonic() < end:
            name = f"{number}.{len(tries)}@example.com"
            ip = f"10.1.{number}.{len(tries) % 250}"
            tries.append(serving.sign_in(port, name, "wrong", ip=ip))

    with ThreadPoolExecutor(16) as pool:
        for number in range(16):
            pool.submit(attack, number)
        times = []
        while time.monotonic() < end:
            times.append(answer_of(site.health, LIVE).seconds)
            time.sleep(0.02)
    p99 = statistics.quantiles(times, n=100)[98]
    return f"{len(tries)} tries, live: median {statistics.median(times):.3f} s, p99 {p99:.3f} s"


def load(site: Site, port: int) -> str:
    """Many requests from eight clients: memory before and after, CPU time for each."""
    spread(port, requests=1000)
    before, cpu = memory(site), cpu_seconds(site)
    failed = spread(port, requests=REQUESTS)
    after, spent = memory(site), cpu_seconds(site) - cpu
    return (
        f"{REQUESTS} requests, {failed} failed, memory {before} to {after} MB,"
        f" {1000 * spent / REQUESTS:.2f} ms of CPU time each"
    )


class Answer:
    """The status of a request and the seconds it took."""

    def __init__(self, port: int, path: str) -> None:
        started = time.monotonic()
        self.status = serving.status(port, path, seconds=8)
        self.seconds = time.monotonic() - started

    def __str__(self) -> str:
        return f"{self.status} in {self.seconds:.1f} s" if self.status else "no answer in 8 s"


answer_of = Answer


def ask_for(*, seconds: float, port: int, path: str) -> str:
    """Ask again and again; return how many were answered."""
    end, statuses = time.monotonic() + seconds, []
    while time.monotonic() < end:
        statuses.append(serving.status(port, path, seconds=2))
        time.sleep(0.02)
    return f"{statuses.count(200)} of {len(statuses)} answered"


@contextlib.contextmanager
def connections(port: int, data: bytes, *, count: int = 30) -> Iterator[None]:
    """Hold connections that sent `data` and read nothing."""
    opened = []
    try:
        for _ in range(count):
            one = socket.create_connection(("127.0.0.1", port), timeout=5)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.sendall(data)
            opened.append(one)
        yield
    finally:
        for one in opened:
            one.close()


def spread(port: int, *, requests: int, clients: int = 8) -> int:
    """Send requests from several clients; return how many were not answered with 200."""
    failed: list[int] = []

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        for _ in range(requests // clients):
            try:
                connection.request("GET", LIST, headers={"Host": "localhost"})
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    failed.append(answer.status)
            except (OSError, http.client.HTTPException):
                failed.append(0)
                connection.close()
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for each in (threading.Thread.start, threading.Thread.join):
        for thread in threads:
            each(thread)
    return len(failed)


def processes(site: Site) -> list[int]:
    """Return the processes that serve: of several generations, those that run Python code."""
    return [pid for pid in site.children() if b"tracker" not in command_of(pid)]


def command_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes() if is_running(pid) else b""


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except OSError:
        return False


def memory(site: Site) -> int:
    """Return the memory of the serving processes, in MB; what they share counts once."""
    lines = [
        line
        for pid in processes(site)
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    ]
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) // 1024


def cpu_seconds(site: Site) -> float:
    """Return the CPU time of all processes so far, also of those that were replaced."""
    total = 0.0
    for pid, fields in [(site.server.pid, slice(11, 15))] + [
        (pid, slice(11, 13)) for pid in site.children()
    ]:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        total += sum(map(int, stat[fields]))
    return total / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main(sys.argv[1:])
