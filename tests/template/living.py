"""Projects that live: generated, set up, and running, one of each for all tests of a process."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import demo
from tests.template.smtp import MailServer, mail_server


@pytest.fixture(scope="session")
def desk_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default project, generated and set up in a folder with a space in its name."""
    return set_up(tmp_path_factory.mktemp("a folder"), starter="example")


@pytest.fixture(scope="session")
def empty_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of `starter=empty`, generated and set up."""
    return set_up(tmp_path_factory.mktemp("empty"), starter="empty")


@pytest.fixture(scope="session")
def desk(desk_project: Path) -> Iterator[str]:
    """The address of the default project while `make dev` runs in it."""
    with demo.running(desk_project) as address:
        yield address


@dataclass(frozen=True)
class MailedDesk:
    """A default project that runs, and whose mail goes to a server of ours."""

    project: Path
    address: str
    mails: MailServer


@pytest.fixture
def mailed_desk(
    desk_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MailedDesk]:
    """A second default project, on the packages of the first, while `make dev` runs in it."""
    project = tmp_path / "desk"
    shutil.copytree(
        desk_project, project, ignore=shutil.ignore_patterns(".venv", "var", ".*_cache")
    )
    with mail_server() as mails:
        environment = demo.clean_environment() | {
            "EMAIL_URL": mails.url,
            "UV_PROJECT_ENVIRONMENT": str(desk_project / ".venv"),
        }
        monkeypatch.setattr(demo, "clean_environment", lambda: environment)
        demo.run(["make", "setup"], cwd=project)
        with demo.running(project) as address:
            yield MailedDesk(project, address, mails)


def python(project: Path, code: str, **environment: str) -> str:
    """Run code in the project's shell; return what it printed."""
    settings = [f"{name}={value}" for name, value in environment.items()]
    shell = [
        "uv",
        "run",
        "python",
        "-W",
        "ignore",
        "manage.py",
        "shell",
        "--no-imports",
        "-c",
        code,
    ]
    return demo.run(["env", *settings, *shell], cwd=project)


def log_lines(project: Path, event: str) -> list[dict[str, Any]]:
    """The lines of one kind that web, worker and beat have logged."""
    log = project / "var" / "log" / "app.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.endswith("}")]
    return [line for line in lines if line["event"] == event]


def set_up(folder: Path, *, starter: str) -> Path:
    # The uv of this checkout, where it has one, so that each project need not install its own.
    # (`make demo` takes none along, and so shows that they can.)
    own = str(demo.TEMPLATE / ".tools" / "bin")
    if own not in os.environ["PATH"].split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([os.environ["PATH"], own])
    demo.generate(into=folder, answers=(f"starter={starter}",))
    project = folder / demo.NAME
    demo.run(["make", "setup"], cwd=project)
    return project
