"""The layout check has one engine and many doors: each gives the same verdict."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

import demo
from tests.template.generating import FOLDER, generate
from tests.template.layout_cases import MODEL, VIEWS, Case, removed
from tests.template.living import copy_of

SEEDS = (
    Case(VIEWS, f"{MODEL}N = Booking.objects.count()  # !"),
    Case("docs/runbooks/bookings.md", do=removed),
)
PLAIN = re.compile(r"^(?P<place>\S+:\d+): (?P<rule>\w+): (?P<message>.+)$", re.M)
GITHUB = re.compile(
    r"^::error file=(?P<path>.+),line=(?P<line>\d+),title=(?P<rule>\w+)::(?P<message>.+)$", re.M
)
DJANGO = re.compile(r"\(layout\.(?P<rule>\w+)\) (?P<place>\S+:\d+): (?P<message>.+)$", re.M)


def verdict(pattern: re.Pattern[str], said: str) -> set[tuple[str, str, str]]:
    """(place, rule, message) of each violation in what was printed."""
    found = set()
    for match in pattern.finditer(said):
        words = match.groupdict()
        place = words.get("place") or f"{words['path']}:{words['line']}"
        found.add((place, words["rule"], words["message"]))
    return found


@pytest.fixture(scope="module")
def broken(desk_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project with all seeds in it, and the environment of the one it was copied from."""
    project = copy_of(desk_project, tmp_path_factory.mktemp("doors") / "desk")
    (project / ".venv").symlink_to(desk_project / ".venv")
    with ExitStack() as stack:
        for case in SEEDS:
            stack.enter_context(case.seeded(project))
        yield project


def said(project: Path, *command: str, **environment: str) -> str:
    """What a command prints in the project, with its environment first on the path."""
    path = f"{project / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"
    kept = {name: value for name, value in os.environ.items() if name != "GITHUB_ACTIONS"}
    done = subprocess.run(
        command,
        cwd=project,
        env={**kept, "PATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout + done.stderr


class TestDoors:
    def test_give_the_same_verdict(self, broken: Path, template: Path, tmp_path: Path) -> None:
        by_hand = verdict(PLAIN, said(broken, "python", "-m", "trellis"))
        verdicts = {
            "hook": verdict(PLAIN, said_by_hook(template, scratch=tmp_path)),
            "pre-commit": verdict(PLAIN, said(broken, *pre_commit(broken, hook="layout"))),
            "CI": verdict(GITHUB, said(broken, "python", "-c", LAYOUT_STEP, GITHUB_ACTIONS="true")),
            "check": verdict(DJANGO, said(broken, "python", "manage.py", *DJANGO_CHECK)),
            "pytest": verdict(PLAIN, said(broken, "python", "-m", "pytest", "-q", *LAYOUT_TEST)),
        }

        assert {rule for _, rule, _ in by_hand} == {"doors_do_not_query", "runbook_exists"}
        for door, seen in verdicts.items():
            assert seen == by_hand, door


LAYOUT_STEP = """
import sys
from trellis.commands import ci
sys.exit(len(ci.run(steps=[step for step in ci.STEPS if step.name == "layout"])))
"""
DJANGO_CHECK = ("check", "--fail-level", "WARNING")
CONVENTIONS = "tests/test_conventions.py"
LAYOUT_TEST = (CONVENTIONS, "-k", "TestLayout")


def said_by_hook(template: Path, *, scratch: Path) -> str:
    """What generation prints where the template itself has the seeds in it."""
    faulty = Path(shutil.copytree(template, scratch / "template", symlinks=True))
    with ExitStack() as stack:
        for case in SEEDS:
            stack.enter_context(case.seeded(faulty / FOLDER))
        made = generate(template=faulty, scratch=scratch)
    assert made.code != 0
    return "\n".join(made.output)


def pre_commit(project: Path, *, hook: str) -> list[str]:
    """The command of a commit hook, without the part that finds the project's Python."""
    config = yaml.safe_load((project / ".pre-commit-config.yaml").read_text())
    (entry,) = (one["entry"] for one in config["repos"][0]["hooks"] if one["id"] == hook)
    return shlex.split(entry.removeprefix("uv run --quiet "))


# Each contract broken in two ways, each way of all contracts at once: lint-imports takes seconds.
CONTRACTS = {
    "In an app, doors use": (
        Case("apps/bookings/models.py", "def f():\n    from . import tasks"),
        Case("apps/bookings/pricing.py", "PRICE = 1"),
    ),
    "Apps do not depend": (
        Case("apps/accounts/services.py", "from apps.bookings import selectors"),
        Case("apps/catalog/types.py", "from apps.insights import types"),
    ),
    "Other apps are used": (
        Case("apps/bookings/services.py", "from apps.catalog.models import Session"),
        Case("apps/insights/views.py", "from apps.bookings import tasks"),
    ),
    "The conventions know no app": (
        Case("conventions/errors.py", "def f():\n    from apps.catalog import types"),
        Case("apps/catalog/services.py", "from config import celery"),
    ),
}


GROW = """
import django
django.setup()
from django.core.management import call_command
for number in range(26):
    profile = "crud" if number % 5 == 0 else "layered"
    call_command("startapp", f"branches_{number}", team="platform", profile=profile, verbosity=0)
"""


class TestThirtyApps:
    def test_are_clean_without_a_waiver(self, desk_project: Path, tmp_path: Path) -> None:
        project = copy_of(desk_project, tmp_path / "desk")
        python = str(desk_project / ".venv" / "bin" / "python")
        environment = {
            **demo.clean_environment(),
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "PATH": f"{desk_project / '.venv/bin'}{os.pathsep}{os.environ['PATH']}",
        }

        for command in ([python, "-c", GROW], [python, "-m", "trellis"], ["lint-imports"]):
            done = subprocess.run(
                command, cwd=project, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr

        assert len(list(project.glob("apps/*/OWNERS.toml"))) == 30
        assert "# layout:" not in "".join(p.read_text() for p in project.glob("apps/**/*.py"))


class TestImportContracts:
    def test_are_each_broken_by_somebody(self, broken: Path) -> None:
        names = re.findall(r'^name = "(.+)"\ntype =', (broken / "pyproject.toml").read_text(), re.M)

        assert len(names) == len(CONTRACTS)
        assert all(name.startswith(tuple(CONTRACTS)) for name in names)

    @pytest.mark.parametrize("way", [0, 1])
    def test_fire(self, broken: Path, way: int) -> None:
        with ExitStack() as stack:
            for cases in CONTRACTS.values():
                stack.enter_context(cases[way].seeded(broken))
            report = said(broken, "lint-imports", "--no-cache")

        told = report.partition("Broken contracts")
        for contract, cases in CONTRACTS.items():
            module = cases[way].path.removesuffix(".py").replace("/", ".")
            assert re.search(rf"^{contract}.* BROKEN\b", told[0], re.M), report
            seen = re.split(rf"^{contract}.*\n-+\n", told[2], flags=re.M)[1]
            seen = re.split(r"^-{20,}", seen, flags=re.M)[0]
            # Circles are told as `.catalog -> .insights`.
            assert module in seen or f".{module.split('.')[1]} -> " in seen, report

    @pytest.mark.parametrize(
        "edits",
        [
            (
                ('["apps", "config", "conventions"]\ninclude', '["apps"]\ninclude', "packages"),
                ('"(selectors)"', '"(selektors)"', "layers"),
                ('containers = ["apps.*"]', 'containers = ["app.*"]', "modules"),
            ),
            (
                ('"apps.*.models"', '"apps.*.modelz"', "layers"),
                ('ancestors = ["apps"]', 'ancestors = ["app"]', "modules"),
            ),
        ],
    )
    def test_that_point_at_nothing_are_an_error(
        self, broken: Path, edits: tuple[tuple[str, str, str], ...]
    ) -> None:
        tests = {
            "packages": "test_cover_every_package",
            "layers": "test_name_the_layers_that_the_layout_check_knows",
            "modules": "test_name_modules_that_exist",
        }
        with ExitStack() as stack:
            for old, new, _ in edits:
                stack.enter_context(Case("pyproject.toml", new, old).seeded(broken))
            report = said(broken, "python", "-m", "pytest", "-q", CONVENTIONS, "-k", "Contracts")

        failed = set(re.findall(r"^FAILED \S+::(\w+)", report, re.M))
        assert failed == {tests[name] for _, _, name in edits}
