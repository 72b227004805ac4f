"""The layout check in generated projects. What its rules find is tested in tests/library/checks."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import yaml

import demo
from tests.template.generating import FOLDER, generate
from tests.template.living import copy_of
from trellis.checks import layout

TODAY = date(2027, 3, 1)
VIEWS = "apps/bookings/views.py"
RUNBOOK = "docs/runbooks/bookings.md"
QUERY = """

def f() -> None:
    from apps.bookings.models import Booking

    Booking.objects.get()
"""
PLAIN = re.compile(r"^(?P<place>\S+:\d+): (?P<rule>\w+): (?P<message>.+)$", re.MULTILINE)
GITHUB = re.compile(
    r"^::error file=(?P<path>.+),line=(?P<line>\d+),title=(?P<rule>\w+)::(?P<message>.+)$",
    re.MULTILINE,
)
DJANGO = re.compile(
    r"\(trellis\.(?P<rule>\w+)\) (?P<place>\S+:\d+): (?P<message>.+)$", re.MULTILINE
)


def break_rules(project: Path) -> Path:
    """Break two rules in a project: one in code, one in a file that is gone."""
    with (project / VIEWS).open("a") as file:
        file.write(QUERY)
    (project / RUNBOOK).unlink()
    return project


@pytest.fixture(scope="module")
def broken(desk_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return break_rules(copy_of(desk_project, tmp_path_factory.mktemp("broken") / "desk"))


def printed(project: Path, *command: str, **environment: str) -> str:
    """Return what a command prints in a project that breaks rules."""
    kept = {name: value for name, value in os.environ.items() if name != "GITHUB_ACTIONS"}
    done = subprocess.run(
        command,
        cwd=project,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout + done.stderr


def findings(pattern: re.Pattern[str], text: str) -> set[tuple[str, str, str]]:
    """Return (place, rule, message) of each finding in what was printed."""
    found = set()
    for match in pattern.finditer(text):
        words = match.groupdict()
        place = words.get("place") or f"{words['path']}:{words['line']}"
        found.add((place, words["rule"], words["message"]))
    return found


GROW = """
import django
django.setup()
from django.core.management import call_command
for number in range(26):
    call_command("startapp", f"branches_{number}", team="platform", verbosity=0)
"""
CI_STEP = """
import sys
from trellis.commands import ci
sys.exit(ci.main(steps=[step for step in ci.STEPS if step.name == "layout"]))
"""


class TestCheck:
    def test_finds_the_same_wherever_it_runs(
        self, broken: Path, template: Path, tmp_path: Path
    ) -> None:
        python = ".venv/bin/python"
        project_test = (python, "-m", "pytest", "-q", "tests/test_project.py", "-k", "house_rules")
        places = {
            "hook": (PLAIN, printed_by_the_hook(template, scratch=tmp_path)),
            "pre-commit": (PLAIN, printed(broken, *pre_commit(broken))),
            "CI": (GITHUB, printed(broken, python, "-c", CI_STEP, GITHUB_ACTIONS="true")),
            "manage.py check": (
                DJANGO,
                printed(broken, python, "manage.py", "check", "--fail-level", "WARNING"),
            ),
            "tests": (DJANGO, printed(broken, *project_test)),
        }

        by_hand = findings(PLAIN, printed(broken, ".venv/bin/trellis", "check"))

        assert {rule for _, rule, _ in by_hand} == {"doors_use_no_models", "runbook_exists"}
        for place, (pattern, text) in places.items():
            assert findings(pattern, text) == by_hand, place

    @pytest.mark.parametrize("starter", ["example", "empty"])
    def test_finds_nothing_in_a_new_project_that_has_no_waivers(
        self, generated: Callable[[str], Path], starter: str
    ) -> None:
        root = generated(starter)

        assert layout.check(root=root, today=TODAY) == []
        assert "\n[[waiver]]" not in (root / "waivers.toml").read_text()

    def test_finds_nothing_in_thirty_apps_of_startapp(
        self, desk_project: Path, tmp_path: Path
    ) -> None:
        project = copy_of(desk_project, tmp_path / "desk")
        settings = "DJANGO_SETTINGS_MODULE=config.settings"
        demo.run(["env", settings, ".venv/bin/python", "-c", GROW], cwd=project)

        assert len(list(project.glob("apps/*/OWNERS.toml"))) == 30
        assert layout.check(root=project, today=TODAY) == []


def printed_by_the_hook(template: Path, *, scratch: Path) -> str:
    """Return what generation prints when the template itself breaks the rules."""
    faulty = Path(shutil.copytree(template, scratch / "template", symlinks=True))
    break_rules(faulty / FOLDER)
    made = generate(template=faulty, scratch=scratch)
    assert made.code != 0
    return "\n".join(made.output)


def pre_commit(project: Path) -> list[str]:
    """Return the command of the commit hook."""
    config = yaml.safe_load((project / ".pre-commit-config.yaml").read_text())
    (entry,) = (one["entry"] for one in config["repos"][0]["hooks"] if one["id"] == "layout")
    return shlex.split(entry)
