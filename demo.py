"""`make demo`: generate the default project, run it, book a seat in it, and say what happened.

Everything happens under `build/`. What is started here is stopped here, also after a failure or
Ctrl-C.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).resolve().parent
NAME = "workshop-desk"
CONFIRM = "bookings.send_confirmation"
PASSWORD = "demo"  # the demo users' own, shown on the sign-in page
# The project is shown on its embedded default, whatever this shell is set up for, and with the
# bytecode that it leaves behind for a user.
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
    "UV_PROJECT_ENVIRONMENT",
    "VIRTUAL_ENV",
}


class DemoFailed(Exception):
    """A step did not do what it promises."""


def clean_environment() -> dict[str, str]:
    """Return this process's environment without what would lead the project elsewhere."""
    return {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}


def generate(*, into: Path, answers: tuple[str, ...] = ()) -> None:
    """Render the template into the folder `into`, with the defaults but for `answers` (k=v)."""
    command = [sys.executable, "-m", "cookiecutter", str(TEMPLATE), "--no-input"]
    run([*command, "--output-dir", str(into), *answers], cwd=TEMPLATE)


def run(command: list[str], *, cwd: Path) -> str:
    """Run a command and return what it printed. Raises `DemoFailed` with that if it failed."""
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
    """Run `make dev` in `project` on a free port; yield its address; stop all of it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
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


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End the process group that `process` leads, as Ctrl-C does; by force after 30 seconds."""
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
            process.wait(timeout=30)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def wait_until(true: Callable[[], bool], *, seconds: float, what: str) -> float:
    """Wait for `true()`; return how long it took. Raises `DemoFailed` after `seconds`."""
    started = time.monotonic()
    while not true():
        if time.monotonic() - started > seconds:
            raise DemoFailed(f"Waited {seconds:.0f} s in vain for {what}.")
        time.sleep(0.1)
    return time.monotonic() - started


def answers(url: str) -> bool:
    """Tell whether a GET of `url` succeeds."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


class Visitor:
    """Somebody with a browser: a session, and CSRF tokens where they belong."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.cookies = CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def request(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, str]:
        """Return status and body; errors are answers, too."""
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
        """Book a seat through the API; return status and answer."""
        body = json.dumps({"session": public_id}).encode()
        status, text = self.request("/api/bookings", body, **{"Content-Type": "application/json"})
        return status, json.loads(text)


@dataclass(frozen=True)
class Story:
    """What happened, for the summary."""

    booked: str
    mail: Path
    mail_seconds: float
    contested: str
    refusal: str


def journey(*, project: Path, address: str) -> Story:
    """Book a seat, wait for its mail, and race two people for one seat."""
    demo, staff = Visitor(address), Visitor(address)
    demo.sign_in("demo@example.com")
    staff.sign_in("staff@example.com")
    sessions = demo.sessions()

    # From the end, so that whoever tries the first session out by hand is not in the way.
    chosen = next(s for s in reversed(sessions) if s["price_cents"] == 0 and s["capacity"] > 1)
    status, booking = demo.book(chosen["public_id"])
    if status != 201:
        raise DemoFailed(f"The booking was answered with {status}: {booking}")

    def mails() -> list[Path]:
        found = (project / "var" / "mail").glob("*.log")
        return [path for path in found if f"Your seat: {chosen['title']}" in path.read_text()]

    mail_seconds = wait_until(lambda: bool(mails()), seconds=30, what="the confirmation mail")

    contested = next(s for s in sessions if s["capacity"] == 1)
    results: list[tuple[int, dict[str, str]]] = []
    together = threading.Barrier(2)

    def race(visitor: Visitor) -> None:
        together.wait()
        results.append(visitor.book(contested["public_id"]))

    racers = [threading.Thread(target=race, args=[visitor]) for visitor in (demo, staff)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    if sorted(status for status, _ in results) != [201, 409]:
        raise DemoFailed(f"Two people wanted one seat and were answered {results}")
    left = json.loads(demo.request(f"/api/sessions/{contested['public_id']}")[1])["seats_left"]
    if left != 0:
        raise DemoFailed(f"After one booking of one seat, {left} are left.")

    refusal = next(answer["detail"] for status, answer in results if status == 409)
    return Story(chosen["title"], mails()[0], mail_seconds, contested["title"], refusal)


@dataclass(frozen=True)
class Recovery:
    """What failed for good, and what became of it."""

    failed: str
    mail: Path


def recovery(*, project: Path, address: str) -> Recovery:
    """Take the mail's folder away, book a seat, put it back, and replay what failed."""
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
    folder.touch()  # a file where a folder should be: no retry will mend that
    try:
        if not any(visitor.book(public_id)[0] == 201 for public_id in reversed(free)):
            raise DemoFailed("No free seat was left to book.")
        wait_until(lambda: CONFIRM in open_failures(), seconds=30, what="the failure")
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
    """Return what the project says of its tasks, one line each."""
    command = [str(project / ".venv" / "bin" / "python"), "manage.py", "tasks", "--json"]
    cards = json.loads(run(command, cwd=project))
    return "\n".join(
        f"{'':12}{card['name']:<37} {card['owner']}, {card['schedule']}, retries {card['retries']}"
        for card in cards
    )


def main() -> None:
    build = TEMPLATE / "build"
    project = build / NAME
    times: dict[str, float] = {}

    @contextmanager
    def timed(step: str) -> Iterator[None]:
        print(f"  {step} ...", end="", flush=True)
        started = time.monotonic()
        yield
        times[step] = time.monotonic() - started
        print(f" {times[step]:.1f} s", flush=True)

    print("Trellis demo")
    if project.exists():
        shutil.rmtree(project)
    with timed("generate"):
        generate(into=build)
    files = sum(path.is_file() for path in project.rglob("*"))
    with timed("make setup"):
        run(["make", "setup"], cwd=project)
    with (
        timed("make dev: a booking; its mail; a race; a failure, replayed"),
        running(project) as at,
    ):
        story = journey(project=project, address=at)
        repaired = recovery(project=project, address=at)
        tasks = catalogue(project=project)
    print(
        f"""
Generated   {files} files in {project.relative_to(TEMPLATE)}
Booked      a seat in "{story.booked}", over HTTP
Mailed      by the worker {story.mail_seconds:.1f} s later, to var/mail/{story.mail.name}
Raced       two people for the one seat of "{story.contested}": one has it,
            the other was told "{story.refusal}"
Tasks       each with its owner, its schedule and its retries (make tasks):
{tasks}
Failed      a mail, its folder taken away (manage.py failed_tasks list)
            {repaired.failed[:90]}
Replayed    by manage.py failed_tasks replay, and mailed: var/mail/{repaired.mail.name}
Stopped     everything it started

Open it     cd {project.relative_to(TEMPLATE)} && make dev"""
    )


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that `finally` runs
    try:
        main()
    except DemoFailed as failure:
        sys.exit(f"\nThe demo failed. {failure}")
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
