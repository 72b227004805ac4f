"""What a README says is there is there, and what it tells to run runs."""

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import demo
from tests.generating import ROOT

# `make dev` runs until it is stopped: `demo.running` starts and stops it in the journey's test.
# The others here need what a test has no business with, and are covered where they say.
NOT_RUN = {
    "make dev": "tests/test_journey.py runs it",
    "make setup dev": "tests/test_journey.py runs both",
    "make demo": ".ci/run runs it",
    "make test": "this is it",
    "make bench": "it measures, and asserts nothing",
    "make lint": ".ci/run runs it",
    "docker compose up --build": "no Docker engine can be asked for everywhere",
}
LAYERS = (
    *("admin", "api", "apps", "caches", "clients", "exceptions", "forms", "models"),
    *("selectors", "services", "tasks", "types", "urls", "views"),
)
COMMANDS = ("make", "uv", "python", "cookiecutter", "docker", "git", "cd", "cp", "pip", "uvx")


def blocks(text: str) -> list[str]:
    """The lines of every `sh` block, comments and prompts taken off."""
    lines = []
    for block in re.findall(r"^```(?:sh|bash|console)\n(.*?)^```", text, re.M | re.S):
        for line in block.splitlines():
            command = re.sub(r"\s+(#|<!--).*$", "", line.removeprefix("$ ")).strip()
            if command and not command.startswith("#"):
                lines.append(command)
    return lines


def ticked(text: str) -> Iterator[str]:
    """Everything in back-ticks outside of blocks, and the targets of relative links."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    yield from re.findall(r"`([^`\n]+)`", prose)
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", prose):
        if "://" not in target:
            yield target


def paths(text: str) -> list[str]:
    """What is in back-ticks and looks like a path of the project."""
    shape = r"\.?[\w./-]*(/[\w.-]+|/|\.(py|md|toml|yaml|yml|json|example))"
    return [
        one
        for one in ticked(text)
        if re.fullmatch(shape, one) and not one.startswith(("/", "var/", ".venv", "http"))
    ]


def exists(path: str, *, project: Path, beside: Path) -> bool:
    """A path from the project's root or beside the document; a bare name anywhere, or a layer's."""
    if "/" not in path:
        return path.removesuffix(".py") in LAYERS or any(project.rglob(path))
    return (project / path).exists() or (beside / path).exists()


def make_targets(folder: Path) -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (folder / "Makefile").read_text(), re.M))


def documents(project: Path) -> list[Path]:
    found = [path for path in project.rglob("*.md") if not {".venv", "var"} & set(path.parts)]
    return [path for path in found if ".tools" not in path.parts]


class TestPaths:
    @pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
    def test_that_the_template_mentions_exist(self, name: str) -> None:
        mentioned = paths((ROOT / name).read_text())
        inside = next(ROOT.glob("{{*"))

        gone = [
            path
            for path in mentioned
            if not exists(path, project=ROOT, beside=ROOT)
            and not exists(path, project=inside, beside=inside)
        ]
        assert gone == []
        assert mentioned or name != "README.md"

    @pytest.mark.parametrize("starter", ["example", "empty"])
    def test_that_a_project_mentions_exist(
        self, generated: Callable[[str], Path], starter: str
    ) -> None:
        project = generated(starter)

        gone = [
            f"{document.relative_to(project)}: {path}"
            for document in documents(project)
            for path in paths(document.read_text())
            if not exists(path, project=project, beside=document.parent)
            and path not in (".env", "uv.lock")
        ]
        assert gone == []


class TestMakeTargets:
    @pytest.mark.parametrize("starter", ["example", "empty"])
    def test_that_a_project_mentions_exist(
        self, generated: Callable[[str], Path], starter: str
    ) -> None:
        project = generated(starter)
        targets = make_targets(project)

        gone = [
            f"{document.relative_to(project)}: {one}"
            for document in documents(project)
            for one in [*ticked(document.read_text()), *blocks(document.read_text())]
            if one.startswith("make ") and not set(_verbs(one)) <= targets
        ]
        assert gone == []

    def test_that_the_template_mentions_exist(self) -> None:
        targets = make_targets(ROOT) | make_targets(next(ROOT.glob("{{*")))
        text = (ROOT / "README.md").read_text() + (ROOT / "CONTRIBUTING.md").read_text()

        said = [one for one in [*ticked(text), *blocks(text)] if one.startswith("make ")]

        assert said
        assert [one for one in said if not set(_verbs(one)) <= targets] == []


def _verbs(command: str) -> list[str]:
    first = command.split("&&")[0]
    words = shlex.split(first)[1:]
    return [word for word in words if "=" not in word and "…" not in word]


class TestCommands:
    def test_of_the_project_run(self, desk_project: Path) -> None:
        ran = []
        for command in blocks((desk_project / "README.md").read_text()):
            assert command.split()[0].split("=")[0] in COMMANDS or "=" in command.split()[0], (
                f"{command!r} is no command of ours"
            )
            if command in NOT_RUN or _is_covered(command):
                continue
            demo.run(["sh", "-c", command], cwd=desk_project)
            ran.append(command)

        assert ran, "the README has no command that can be run"


def _is_covered(command: str) -> bool:
    """Commands that change or need more than a test should: each has a test of its own."""
    return command.startswith(
        (
            "make app ",  # tests/test_project.py
            "make remove-example",  # tests/test_project.py
            "make check",  # tests/test_project.py
            "docker ",
            "DATABASE_URL=",  # tests/test_project.py, TestServers
            "git ",
        )
    )
