"""`make demo`: generate the default project, run it, book a seat in it, and print what happened.

Everything is below `build/`. What is started here is stopped here, also after an error or Ctrl-C.
"""

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).resolve().parent
NAME = "workshop-desk"
CONFIRM = "bookings.send_confirmation"
PASSWORD = "demo"  # of the demo users; the sign-in page shows it
# The demo uses no server, whatever the variables of this shell say.
NOT_PASSED_ON = {
    "CACHE_URL",
    "CELERY_BROKER_URL",
    "DATABASE_URL",
    "DJANGO_ENV",
    "DJANGO_SETTINGS_MODULE",
    "EMAIL_URL",
    "GITHUB_ACTIONS",
    "LOCAL_BROKER_FOLDER",
    "MAKEFLAGS",
    "MAKELEVEL",
    "MFLAGS",
    "PORT",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONPATH",
    "SECRET_KEY",
    "STORAGE_URL",
    "UV_PROJECT_ENVIRONMENT",
    "VIRTUAL_ENV",
}


class DemoFailed(Exception):
    """A step did not do what it should."""


def clean_environment() -> dict[str, str]:
    """Return the environment of this process without the variables that change the project."""
    return {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}


def generate(*, into: Path, answers: tuple[str, ...] = ()) -> None:
    """Generate a project into the folder `into`, with the default answers or `answers` (k=v)."""
    command = [sys.executable, "-m", "cookiecutter", str(TEMPLATE), "--no-input"]
    run([*command, "--output-dir", str(into), *answers], cwd=TEMPLATE)


def run(command: list[str], *, cwd: Path) -> str:
    """Run a command and return its output. Raises `DemoFailed` with the output if it fails."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise DemoFailed(f"$ {' '.join(command)}\n{done.stdout}")
    return done.stdout


@contextmanager
def running(project: Path) -> Iterator[str]:
    """Run `make dev` in `project` on a free port, and yield its address. Stops it at the end."""
    port = free_port()
    log_path = project / "var" / "dev.log"
    with log_path.open("w") as log:
        process = subprocess.Popen(
            ["make", "dev"],
            cwd=project,
            env=clean_environment() | {"PORT": str(port)},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            wait_until(
                lambda: answers(f"{address}/health/ready"), seconds=90, what="the web server"
            )
            wait_until(
                lambda: "ready." in log_path.read_text(), seconds=60, what="the Celery worker"
            )
            yield address
        except BaseException:
            sys.stderr.write("".join(log_path.read_text().splitlines(keepends=True)[-40:]))
            raise
        finally:
            stop(process)


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port of `host` at which nobody listens.

    None that the system gives to clients: one of these could take it before its server listens.
    """
    while True:
        port = random.randrange(15_000, 30_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind((host, port))
            return port


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Stop the process group of `process` as Ctrl-C does, and by force after 30 seconds."""
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
            process.wait(timeout=30)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def wait_until(true: Callable[[], bool], *, seconds: float, what: str) -> float:
    """Wait until `true()`, and return the seconds it took. Raises `DemoFailed` after `seconds`."""
    started = time.monotonic()
    while not true():
        if time.monotonic() - started > seconds:
            raise DemoFailed(f"Waited {seconds:.0f} seconds for {what}, without success.")
        time.sleep(0.1)
    return time.monotonic() - started


def answers(url: str) -> bool:
    """Return whether a GET of `url` succeeds."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


class Visitor:
    """A person with a browser: it keeps cookies and sends CSRF tokens."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.cookies = CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def request(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, str]:
        """Return status and body, also of an error."""
        if token := next((c.value for c in self.cookies if c.name == "csrftoken"), None):
            headers["X-CSRFToken"] = token
        request = urllib.request.Request(self.address + path, body, headers)
        request.add_header("Referer", self.address)
        try:
            with self.opener.open(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def sign_in(self, email: str) -> None:
        """Sign in through the page. Raises `DemoFailed`."""
        self.request("/accounts/login/")
        form = urllib.parse.urlencode({"username": email, "password": PASSWORD})
        status, page = self.request("/accounts/login/", form.encode())
        if status != 200 or "Sign out" not in page:
            raise DemoFailed(f"{email} could not sign in: {status}\n{page}")

    def sessions(self) -> list[dict[str, Any]]:
        """Return the next sessions, as the API lists them."""
        return list(json.loads(self.request("/api/sessions")[1])["items"])

    def book(self, public_id: str) -> tuple[int, dict[str, str]]:
        """Book a seat through the API. Returns status and answer."""
        body = json.dumps({"session": public_id}).encode()
        status, text = self.request("/api/bookings", body, **{"Content-Type": "application/json"})
        return status, json.loads(text)


@dataclass(frozen=True)
class Journey:
    """What `journey` saw."""

    title: str
    mail: Path
    mail_seconds: float
    contested: str
    refusal: str


def journey(*, project: Path, address: str) -> Journey:
    """Book a seat, wait for its mail, and let two people book the same seat at the same time."""
    demo, staff = Visitor(address), Visitor(address)
    demo.sign_in("demo@example.com")
    staff.sign_in("staff@example.com")
    sessions = demo.sessions()

    # The last one, so that the first is left for a person who tries the project.
    chosen = next(s for s in reversed(sessions) if s["price_cents"] == 0 and s["capacity"] > 1)
    status, booking = demo.book(chosen["public_id"])
    if status != 201:
        raise DemoFailed(f"Booking a seat failed with {status}: {booking}")

    def mails() -> list[Path]:
        found = (project / "var" / "mail").glob("*.log")
        return [path for path in found if f"Your seat: {chosen['title']}" in path.read_text()]

    mail_seconds = wait_until(lambda: bool(mails()), seconds=30, what="the confirmation mail")

    contested = next(s for s in sessions if s["capacity"] == 1)
    with ThreadPoolExecutor() as pool:
        results = list(pool.map(lambda person: person.book(contested["public_id"]), (demo, staff)))
    if sorted(status for status, _ in results) != [201, 409]:
        raise DemoFailed(f"Two people booked one seat, with these results: {results}")
    left = json.loads(demo.request(f"/api/sessions/{contested['public_id']}")[1])["seats_left"]
    if left != 0:
        raise DemoFailed(f"One of one seats is booked, but seats_left is {left}.")

    refusal = next(answer["detail"] for status, answer in results if status == 409)
    return Journey(chosen["title"], mails()[0], mail_seconds, contested["title"], refusal)


@dataclass(frozen=True)
class Recovery:
    """What `recovery` saw."""

    failed: str
    mail: Path


def recovery(*, project: Path, address: str) -> Recovery:
    """Let the mail of a booking fail for good, repair the cause, and replay the failed task."""
    manage = [str(project / ".venv" / "bin" / "python"), "-W", "ignore", "manage.py"]
    folder, aside = project / "var" / "mail", project / "var" / "mail.aside"
    before = set(folder.glob("*.log"))
    visitor = Visitor(address)
    visitor.sign_in("staff@example.com")
    free = [
        session["public_id"]
        for session in visitor.sessions()
        if session["price_cents"] == 0 and session["capacity"] > 1
    ]

    def open_failures() -> str:
        return run([*manage, "failed_tasks", "list", "--task", CONFIRM], cwd=project)

    folder.rename(aside)
    folder.touch()  # a file instead of a folder, so that each try fails
    try:
        if not any(visitor.book(public_id)[0] == 201 for public_id in reversed(free)):
            raise DemoFailed("There was no free seat to book.")
        wait_until(lambda: CONFIRM in open_failures(), seconds=30, what="the failed task")
        failed = open_failures()
    finally:
        folder.unlink()
        aside.rename(folder)
    run([*manage, "failed_tasks", "replay", "--task", CONFIRM], cwd=project)

    def arrived() -> set[Path]:
        return set(folder.glob("*.log")) - before

    wait_until(lambda: bool(arrived()), seconds=30, what="the mail of the replay")
    return Recovery(failed.splitlines()[0].strip(), arrived().pop())


def catalogue(*, project: Path) -> str:
    """Return the tasks of the project, one line each."""
    command = [str(project / ".venv" / "bin" / "python"), "manage.py", "tasks"]
    rows = [re.split(r"\s{2,}", line) for line in run(command, cwd=project).splitlines()[1:]]
    return "\n".join(
        f"{'':12}{name:<37} {owner}, {schedule}, retries {retries}"
        for name, owner, _, schedule, retries, *_ in rows
    )


@contextmanager
def timed(step: str) -> Iterator[None]:
    """Print what is done in this block, and how long it took."""
    print(f"  {step} ...", end="", flush=True)
    started = time.monotonic()
    yield
    print(f" {time.monotonic() - started:.1f} s", flush=True)


def main() -> None:
    """Run the demo and print what happened."""
    build = TEMPLATE / "build"
    project = build / NAME
    print("Trellis demo")
    if project.exists():
        shutil.rmtree(project)
    with timed("generate"):
        generate(into=build)
    files = sum(path.is_file() for path in project.rglob("*"))
    with timed("make setup"):
        run(["make", "setup"], cwd=project)
    with timed("make dev, book seats, replay a failed task"), running(project) as address:
        booked = journey(project=project, address=address)
        replayed = recovery(project=project, address=address)
        tasks = catalogue(project=project)
    print(
        f"""
Generated   {files} files in {project.relative_to(TEMPLATE)}
Booked      a seat in "{booked.title}", over HTTP
Mailed      by the worker {booked.mail_seconds:.1f} s later: var/mail/{booked.mail.name}
Oversold    nothing: two people booked the one seat of "{booked.contested}" at the same time,
            and one of them got "{booked.refusal}"
Failed      a confirmation, because its mail could not be written (manage.py failed_tasks list):
            {replayed.failed[:88]}
Replayed    and mailed: var/mail/{replayed.mail.name} (manage.py failed_tasks replay)
Tasks       with owner, schedule and retries (make tasks):
{tasks}

Start it    cd {project.relative_to(TEMPLATE)} && make dev
Pages       http://127.0.0.1:8000/sessions/ and http://127.0.0.1:8000/bookings/
API         http://127.0.0.1:8000/api/docs
Map         http://127.0.0.1:8000/_map/
Admin       http://127.0.0.1:8000/admin/
Sign in     as demo@example.com or staff@example.com (for the admin), password: {PASSWORD}"""
    )


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that `finally` runs
    try:
        main()
    except DemoFailed as failure:
        sys.exit(f"\nThe demo failed. {failure}")
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
