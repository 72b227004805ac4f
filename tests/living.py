"""Projects that live: generated, set up, and running, one of each for all tests of a process."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import demo


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
