"""What a README says is there is there, and what it tells to run runs."""

import os
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import demo
from tests.template.generating import ROOT

# What runs until it is stopped, changes the project, or needs a server: and the test that runs it.
RUN_ELSEWHERE = {
    "make dev": "tests/test_journey.py",
    "make setup dev": "tests/test_journey.py",
    "make test": "tests/test_project.py, as a step of `make check`",
    "make check": "tests/test_project.py",
    "make app name=invoices team=platform": "tests/test_project.py",
    "make remove-example": "tests/test_project.py",
    "make template-update": "tests/test_update.py",
    "trellis drift": "a test of the project: it wants a history",
    "DATABASE_URL=postgres://user:password@localhost:5432/name make test": "tests/test_project.py",
    "docker compose up --build": "nowhere: a Docker engine cannot be asked for everywhere",
}
LAYERS = (
    *("admin", "api", "apps", "caches", "clients", "exceptions", "forms", "models"),
    *("selectors", "services", "tasks", "types", "urls", "views"),
)
OF_THE_TEMPLATE = ("README.md", "CONTRIBUTING.md", "docs/upgrading/README.md")
DERIVED = (".cruft.json", ".github/CODEOWNERS")  # not in the template: written at generation
COMMANDS = ("make", "uv", "python", "cookiecutter", "docker", "cd", "uvx")


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
        if re.fullmatch(shape, one) and not one.startswith(("/", "var/", ".venv", ".tools", "http"))
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
    @pytest.mark.parametrize("name", OF_THE_TEMPLATE)
    def test_that_the_template_mentions_exist(self, name: str) -> None:
        mentioned = paths((ROOT / name).read_text())
        inside = next(ROOT.glob("{{*"))

        gone = [
            path
            for path in mentioned
            if not exists(path, project=ROOT, beside=ROOT)
            and not exists(path, project=inside, beside=inside)
            and path not in DERIVED
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
        text = "\n".join((ROOT / name).read_text() for name in OF_THE_TEMPLATE)

        said = [one for one in [*ticked(text), *blocks(text)] if one.startswith("make ")]

        assert said
        assert [one for one in said if not set(_verbs(one)) <= targets] == []


def _verbs(command: str) -> list[str]:
    first = command.split("&&")[0]
    words = shlex.split(first)[1:]
    return [word for word in words if "=" not in word and "…" not in word]


class TestCommands:
    def test_of_the_project_run(self, desk_project: Path) -> None:
        text = (desk_project / "README.md").read_text()
        bare = [one for one in ticked(text) if one.split()[0] in COMMANDS and "…" not in one]
        # `python` is the one of the project, wherever it is typed.
        path = f"PATH={desk_project / '.venv/bin'}:{os.environ['PATH']}"

        ran = []
        for command in dict.fromkeys([*blocks(text), *bare]):
            if command not in RUN_ELSEWHERE:
                demo.run(["env", path, "sh", "-c", command], cwd=desk_project)
                ran.append(command)

        assert {"make", "make owners", "make tasks", "trellis"} <= set(ran)

    def test_of_the_template_are_those_that_ci_runs(self) -> None:
        ci = (ROOT / ".ci" / "run").read_text()

        for command in blocks((ROOT / "README.md").read_text()):
            if command.startswith("uvx cookiecutter"):
                continue  # tests/test_answers.py types the same, and answers at the prompts
            assert command in ci, f"nobody runs {command!r}"
