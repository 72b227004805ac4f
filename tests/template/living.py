"""Projects that are generated, set up and running.

Each kind is generated and set up once for a whole test run, and every test process gets a copy of
its own, with its own database, `.env` and logs. The copies share one virtual environment.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import demo
from tests.template.smtp import MailServer, mail_server


@pytest.fixture(scope="session")
def desk_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default project, set up, in a folder with a space in its name."""
    return copy_of(
        master("example", tmp_path_factory), tmp_path_factory.mktemp("a folder") / "desk"
    )


@pytest.fixture(scope="session")
def empty_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of `starter=empty`, set up."""
    return copy_of(master("empty", tmp_path_factory), tmp_path_factory.mktemp("empty") / "desk")


@pytest.fixture(scope="session")
def desk(desk_project: Path) -> Iterator[str]:
    """The address of the default project while `make dev` runs in it."""
    with demo.running(desk_project) as address:
        yield address


@dataclass(frozen=True)
class MailedDesk:
    """A default project that runs, and sends its mails to a server of the test."""

    project: Path
    address: str
    mails: MailServer


@pytest.fixture
def mailed_desk(
    desk_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MailedDesk]:
    """Another copy of the default project, while `make dev` runs in it."""
    project = copy_of(desk_project, tmp_path / "desk")
    shutil.rmtree(project / "var")
    with mail_server() as mails:
        environment = demo.clean_environment() | {"EMAIL_URL": mails.url}
        monkeypatch.setattr(demo, "clean_environment", lambda: environment)
        demo.run([".venv/bin/trellis", "setup"], cwd=project)
        with demo.running(project) as address:
            yield MailedDesk(project, address, mails)


def master(starter: str, factory: pytest.TempPathFactory) -> Path:
    """Return a project that no test writes to. The first process that asks for it sets it up.

    (bench/mutate.py has one ready, with a fault in it.)
    """
    if starter == "example" and "TRELLIS_READY_PROJECT" in os.environ:
        os.environ["UV_NO_SYNC"] = "1"
        return Path(os.environ["TRELLIS_READY_PROJECT"])
    shared = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / f"master of {starter}"
    with locked(shared / f"{starter}.lock"):
        if not folder.exists():
            scratch = shared / f"{starter} in the making"
            set_up(scratch, starter=starter)
            folder.mkdir()
            (folder / "ready").symlink_to(scratch / demo.NAME)
    # A copy's `uv run` must use the shared packages as they are, and not install the copy's.
    os.environ["UV_NO_SYNC"] = "1"
    # What mypy has found in the shared packages serves every copy.
    os.environ["MYPY_CACHE_DIR"] = str(shared / "mypy")
    with_uv_on_the_path()
    return (folder / "ready").resolve()


def set_up(folder: Path, *, starter: str) -> Path:
    """Generate a project into `folder` and set it up."""
    with_uv_on_the_path()
    folder.mkdir()
    demo.generate(into=folder, answers=(f"starter={starter}",))
    demo.run(["make", "setup"], cwd=folder / demo.NAME)
    return folder / demo.NAME


def copy_of(project: Path, to: Path) -> Path:
    """Copy a project with the data of `make setup`, whatever tests have done in it since.

    The virtual environment is shared.
    """
    shutil.copytree(project, to, ignore=shutil.ignore_patterns(".venv", "var"))
    shared = (project / ".venv").resolve()
    (to / ".venv").symlink_to(shared)
    shutil.copytree(shared.parent / "var", to / "var")
    return to


def python(project: Path, code: str, **environment: str) -> str:
    """Run code in the project's shell; return what it printed."""
    settings = [f"{name}={value}" for name, value in environment.items()]
    command = [".venv/bin/python", "-W", "ignore", "manage.py", "shell", "--no-imports", "-c", code]
    return demo.run(["env", *settings, *command], cwd=project)


def log_lines(project: Path, event: str) -> list[dict[str, Any]]:
    """Return the lines of one kind that web, worker and beat have logged."""
    log = project / "var" / "log" / "app.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.endswith("}")]
    return [line for line in lines if line["event"] == event]


def server_url(variable: str) -> str:
    """Return a server's address. CI must give it; elsewhere the test is skipped."""
    if url := os.environ.get(variable):
        return url
    message = f"set {variable} to the address of a server that tests may write to"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def with_uv_on_the_path() -> None:
    """Let projects use this checkout's uv, where it has one, instead of installing their own.

    (`make demo` does not, and so shows that a project can.)
    """
    own = str(demo.TEMPLATE / ".tools" / "bin")
    if own not in os.environ["PATH"].split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([os.environ["PATH"], own])


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock between processes."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
