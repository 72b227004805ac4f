"""The documents are true: the paths, commands and names in them exist, and the commands run."""

import os
import re
import shlex
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

import demo
from tests.template.generating import FOLDER, ROOT
from trellis.checks import rules

TEMPLATE_DOCUMENTS = ("README.md", "CONTRIBUTING.md", "docs/upgrading/README.md")
SOURCE = ROOT / FOLDER / "vendor/trellis/src/trellis"
NOT_OURS = {".git", ".tools", ".venv", "node_modules", "var", "vendor"}
STARTERS = pytest.mark.parametrize("starter", ["example", "empty"])

# Commands of the project's README that are not run here: who runs them, or why nobody does.
RUN_ELSEWHERE = {
    "make setup dev": "test_journey.py does",
    "make setup": "test_journey.py does",
    "make dev": "test_journey.py does",
    "make test": "a step of make check",
    "make check": "test_project.py does",
    "make app name=invoices model=Invoice team=platform": "test_project.py does",
    "make remove-example": "test_project.py does",
    "make template-update": "test_update.py does",
    "DATABASE_URL=postgres://user:password@localhost:5432/name make test": "test_project.py does",
    "docker compose up --build": "it needs Docker",
    "uv run python manage.py doctor": "test_doctor.py does; it needs a worker and beat",
    "uv run trellis drift": "test_drift.py of the library does; it needs a history",
}
# Names in documents that do not occur in the code: of kept programs, of the template, for yours.
OTHER_NAMES = {"get_or_set", "pg_dump", "pg_restore", "project_slug", "refreshed_at", "skip_locked"}


def shell_lines(text: str) -> list[str]:
    """Return the commands in the `sh` blocks of a document, without comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)
    lines = [re.sub(r"\s+#.*$", "", line).strip() for block in blocks for line in block.split("\n")]
    return [line for line in lines if line and not line.startswith("#")]


def code_spans(text: str) -> list[str]:
    """Return what stands in back-ticks, outside of blocks."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    return re.findall(r"`([^`\n]+)`", prose)


def commands(text: str) -> list[str]:
    """Return the commands of a document: those in blocks, and those in back-ticks."""
    programs = ("make ", "uv ", "uvx ", "docker ")
    spans = [span for span in code_spans(text) if f"{span} ".startswith(programs)]
    return list(dict.fromkeys(line for line in [*shell_lines(text), *spans] if "…" not in line))


def paths(text: str) -> list[str]:
    """Return the paths in back-ticks and in links, as far as they are about the project's files."""
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    shape = r"\.?[\w.-]*(/[\w.-]+)*/?"
    spans = [span for span in code_spans(text) if re.fullmatch(shape, span)]
    looks_like_a_path = re.compile(r"/|\.(py|md|toml|yaml|yml|json|example)$")
    found = [span for span in [*links, *spans] if looks_like_a_path.search(span)]
    return [
        path for path in found if not path.startswith(("/", "var/", "build/", ".tools/", ".venv/"))
    ]


def documents(project: Path) -> dict[str, str]:
    """Return name → text of the project's documents."""
    names = [path.relative_to(project) for path in project.rglob("*.md")]
    return {
        str(name): (project / name).read_text() for name in names if not NOT_OURS & set(name.parts)
    }


def exists(path: str, *, roots: list[Path]) -> bool:
    """Return whether a path exists below a root; a bare name may be anywhere below it."""
    made_later = (".env", ".cruft.json", "uv.lock")
    return path in made_later or any(
        (root / path).exists() or ("/" not in path and any(root.rglob(path))) for root in roots
    )


def make_targets(folder: Path) -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (folder / "Makefile").read_text(), re.M))


def targets_of(command: str) -> set[str]:
    """Return the targets of a `make` command."""
    words = shlex.split(command.split("&&")[0], comments=True)[1:]
    return {word for word in words if "=" not in word and "…" not in word}


class TestPaths:
    @STARTERS
    def test_of_a_project_exist(self, generated: Callable[[str], Path], starter: str) -> None:
        project = generated(starter)

        missing = [
            f"{name}: {path}"
            for name, text in documents(project).items()
            for path in paths(text)
            if not exists(path, roots=[project, (project / name).parent])
        ]

        assert not missing, "\n".join(missing)

    @pytest.mark.parametrize("name", TEMPLATE_DOCUMENTS)
    def test_of_the_template_exist(self, name: str) -> None:
        inside = next(ROOT.glob("{{*"))
        mentioned = paths((ROOT / name).read_text())

        missing = [path for path in mentioned if not exists(path, roots=[ROOT, inside])]

        assert not missing, "\n".join(missing)


class TestNames:
    """In back-ticks: names of functions, constraints, rules, and of what the library offers."""

    @STARTERS
    def test_occur_in_the_code(self, generated: Callable[[str], Path], starter: str) -> None:
        project = generated(starter)
        code = "\n".join(
            path.read_text()
            for path in project.rglob("*")
            if path.suffix in {".py", ".toml", ".html", ".yaml", ".example"}
        )

        missing = [
            f"{name}: {span}"
            for name, text in documents(project).items()
            for span in code_spans(text)
            if re.fullmatch(r"[a-z]+(_[a-z]+)+", span)
            and span not in OTHER_NAMES
            and span not in rules.RULES
            and not re.search(rf"\b{span}\b", code)
        ]

        assert not missing, "\n".join(missing)

    @STARTERS
    def test_of_the_library_are_offered_by_it(
        self, generated: Callable[[str], Path], starter: str
    ) -> None:
        missing = [
            f"{name}: {module}.{attribute}"
            for name, text in documents(generated(starter)).items()
            for module, attribute in re.findall(
                r"\b(caching|errors|reads|testing|web)\.(\w+)(?![\w/.])", " ".join(code_spans(text))
            )
            if not hasattr(import_module(f"trellis.{module}"), attribute)
            and not (SOURCE / module / f"{attribute}.py").exists()
        ]

        assert not missing, "\n".join(missing)


class TestCode:
    def test_of_the_readme_is_that_of_the_example(self, generated: Callable[[str], Path]) -> None:
        project = generated("example")
        (block,) = re.findall(r"```python\n(.*?)```", (project / "README.md").read_text(), re.S)
        code = "".join(
            (project / f"apps/bookings/{layer}.py").read_text() for layer in ("services", "tasks")
        )

        for line in block.splitlines():
            if "..." not in line:
                assert re.sub(r"\s+# .*$", "", line) in code


class TestCommands:
    @STARTERS
    def test_name_targets_of_make(self, generated: Callable[[str], Path], starter: str) -> None:
        project = generated(starter)

        missing = [
            f"{name}: {command}"
            for name, text in documents(project).items()
            for command in [*shell_lines(text), *code_spans(text)]
            if command.startswith("make ") and not targets_of(command) <= make_targets(project)
        ]

        assert not missing, "\n".join(missing)

    def test_name_commands_of_django_and_tasks_that_exist(self, desk_project: Path) -> None:
        known = demo.run([".venv/bin/python", "manage.py", "help", "--commands"], cwd=desk_project)
        tasks = demo.run(["make", "tasks"], cwd=desk_project)

        for name, text in documents(desk_project).items():
            for line in [*shell_lines(text), *code_spans(text)]:
                for command in re.findall(r"manage\.py ([a-z_]+)", line):
                    assert command in known.split(), f"{name}: {line}"
                for task in re.findall(r"celery -A config call (\S+)|--task (\S+)", line):
                    assert "".join(task) in tasks, f"{name}: {line}"

    def test_of_the_readme_run(self, desk_project: Path) -> None:
        ran = []
        for command in commands((desk_project / "README.md").read_text()):
            if command not in RUN_ELSEWHERE:
                demo.run(
                    ["env", f"PATH={os.environ['PATH']}", "sh", "-c", command], cwd=desk_project
                )
                ran.append(command)

        assert {"make", "make owners", "make tasks", "uv run trellis check"} <= set(ran)

    def test_of_the_template_name_targets_of_make(self) -> None:
        known = make_targets(ROOT) | make_targets(next(ROOT.glob("{{*")))
        texts = [(ROOT / name).read_text() for name in TEMPLATE_DOCUMENTS]

        missing = [
            command
            for text in texts
            for command in [*shell_lines(text), *code_spans(text)]
            if command.startswith("make ") and not targets_of(command) <= known
        ]

        assert not missing, "\n".join(missing)

    def test_of_the_template_are_those_that_ci_runs(self) -> None:
        ci = (ROOT / ".ci" / "run").read_text()

        for command in shell_lines((ROOT / "README.md").read_text()):
            # test_answers.py generates with each answer.
            if not command.startswith("uvx cookiecutter"):
                (target,) = targets_of(command)
                assert re.search(rf"^(step )?make .*\b{target}( >.*)?$", ci, re.M), command
