"""The hooks: what they refuse, what they must not swallow, and what they leave."""

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from tests.template.generating import FOLDER, ROOT, files_of, generate

HOOKS = sorted((ROOT / "hooks").glob("*.py"))


@pytest.fixture
def altered(template: Path, tmp_path: Path) -> Path:
    """A copy of the template that a test may break."""
    return shutil.copytree(template, tmp_path / "altered", symlinks=True)


def machine_check(*, before: str, path: str = os.environ["PATH"]) -> str:
    """Run the first thing the pre-generation hook does, on a machine made up by `before`."""
    code = f"import sys, os, runpy; {before}; run = runpy.run_path('pre_gen_project.py')"
    ended = subprocess.run(
        [sys.executable, "-c", f"{code}; print(run['why_this_machine_cannot']())"],
        cwd=ROOT / "hooks",
        env={**os.environ, "PATH": path},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return ended.stdout.strip()


class TestTheMachine:
    def test_is_good_enough_here(self) -> None:
        assert machine_check(before="pass") == ""

    def test_needs_a_python_that_is_not_too_old(self) -> None:
        before = "sys.version_info = (3, 8, 10, 'final', 0); sys.version = '3.8.10 (default)'"

        assert machine_check(before=before) == (
            "Trellis needs Python 3.11 or newer; cookiecutter runs on 3.8.10 here. "
            'Try "uvx --python 3.13 cookiecutter" with the same answers.'
        )

    def test_needs_a_cookiecutter_that_is_not_too_old(self, tmp_path: Path) -> None:
        (tmp_path / "cookiecutter-2.1.1.dist-info").mkdir()

        assert machine_check(before=f"sys.path.insert(0, {str(tmp_path)!r})") == (
            "Trellis needs cookiecutter 2.6 or newer; this is 2.1. "
            'Try "uvx cookiecutter" with the same answers.'
        )

    def test_needs_git(self, tmp_path: Path) -> None:
        said = machine_check(before="pass", path=str(tmp_path))

        assert said.startswith("Trellis needs git")
        assert "\n" not in said

    def test_is_told_so_even_by_a_python_that_is_much_too_old(self) -> None:
        """The hook parses on Python 3.6, so that it can say what is missing."""
        source = (ROOT / "hooks" / "pre_gen_project.py").read_text(encoding="utf-8")

        tree = ast.parse(source, feature_version=(3, 6))

        evaluated_there = [
            node.lineno
            for node in ast.walk(tree)
            if isinstance(node, ast.Subscript)
            and isinstance(node.value, ast.Name)
            and node.value.id in ("dict", "list", "tuple", "set")
        ]
        assert evaluated_there == []


class TestTheTemplatesFolder:
    @pytest.mark.parametrize("left", [".env", ".venv", "var"])
    def test_that_was_worked_in_is_refused(self, left: str, altered: Path, tmp_path: Path) -> None:
        (altered / FOLDER / left).mkdir()

        made = generate(template=altered, scratch=tmp_path)

        assert made.code == 1
        assert made.said[0] == (
            f"Somebody worked in the template's own folder, and {left} would be copied from it. "
            'Run "git clean -fdX" in it, or generate from a fresh clone.'
        )
        assert list(made.place.iterdir()) == []


class TestFailures:
    @pytest.mark.parametrize("starter", ["example", "empty"])
    def test_a_layout_violation_in_the_template_fails_generation(
        self, starter: str, altered: Path, tmp_path: Path
    ) -> None:
        selectors = altered / FOLDER / "apps/accounts/selectors.py"
        selectors.write_text(selectors.read_text() + "\n\nfrom apps.accounts import services\n")
        line = len(selectors.read_text().splitlines())

        made = generate(template=altered, scratch=tmp_path, answers={"starter": starter})

        assert made.code == 1
        assert made.said[0] == "`trellis layout check` fails in what was copied:"
        assert f"apps/accounts/selectors.py:{line}: " in "\n".join(made.said)
        assert list(made.place.iterdir()) == []

    def test_owners_that_cannot_be_derived_fail_generation(
        self, altered: Path, tmp_path: Path
    ) -> None:
        (altered / FOLDER / "teams.toml").write_text("[platform\n")

        made = generate(template=altered, scratch=tmp_path)

        assert made.code == 1
        assert "fails in what was copied" in made.said[0]
        assert list(made.place.iterdir()) == []

    def test_a_crash_of_the_check_fails_generation(self, altered: Path, tmp_path: Path) -> None:
        engine = altered / FOLDER / "conventions/layout/engine.py"
        engine.write_text("raise ValueError('broken')\n")

        made = generate(template=altered, scratch=tmp_path)

        assert made.code == 1
        assert "ValueError: broken" in made.said
        assert list(made.place.iterdir()) == []


class TestWhatIsLeft:
    def test_no_bytecode_and_no_cache(self, altered: Path, tmp_path: Path) -> None:
        for folder in (".ruff_cache", "apps/__pycache__", "apps/accounts/__pycache__"):
            (altered / FOLDER / folder).mkdir()
            (altered / FOLDER / folder / "junk").write_bytes(b"\xff\x00")

        made = generate(template=altered, scratch=tmp_path)

        assert made.code == 0, "\n".join(made.said)
        folders = {part for path in files_of(made.project) for part in path.split("/")[:-1]}
        assert [name for name in folders if name.endswith(("_cache", "__pycache__"))] == []

    def test_nothing_outside_the_folder(self, template: Path, tmp_path: Path) -> None:
        before = files_of(template)

        made = generate(template=template, scratch=tmp_path)

        assert [path.name for path in made.place.iterdir()] == ["workshop-desk"]
        assert list((tmp_path / "temporary").iterdir()) == []
        assert files_of(template) == before
        assert {path.name for path in tmp_path.iterdir()} == {"place", "home", "temporary"}

    def test_no_secret(self, generated: Callable[[str], Path]) -> None:
        project = generated("example")

        assert not (project / ".env").exists()
        assert not (project / ".git").exists()

    @pytest.mark.parametrize("starter", ["example", "empty"])
    def test_the_same_when_run_twice(self, starter: str, template: Path, tmp_path: Path) -> None:
        answers = {"starter": starter}
        once = files_of(generate(template=template, scratch=tmp_path, answers=answers).project)

        again = generate(
            template=template,
            scratch=tmp_path,
            answers=answers,
            arguments=("--overwrite-if-exists",),
        )

        assert again.code == 0, "\n".join(again.said)
        assert files_of(again.project) == once

    def test_removing_the_example_later_gives_the_empty_project(
        self, generated: Callable[[str], Path], tmp_path: Path
    ) -> None:
        project = shutil.copytree(generated("example"), tmp_path / "workshop-desk")
        for command in (["trellis.commands.remove_example"], ["conventions", "owners"]):
            subprocess.run([sys.executable, "-m", *command], cwd=project, check=True)
        removed, empty = files_of(project), files_of(generated("empty"))

        differing = {path for path in removed | empty if removed.get(path) != empty.get(path)}

        assert {path for path in differing if ".pyc" not in path} == set()

    def test_removing_the_example_is_refused_while_an_app_of_ones_own_uses_it(
        self, generated: Callable[[str], Path], tmp_path: Path
    ) -> None:
        project = shutil.copytree(generated("example"), tmp_path / "workshop-desk")
        owners = (project / "apps/bookings/OWNERS.toml").read_text(encoding="utf-8")
        (project / "apps/invoices").mkdir()
        (project / "apps/invoices/OWNERS.toml").write_text(owners, encoding="utf-8")
        before = files_of(project)

        done = subprocess.run(
            [sys.executable, "-B", "-m", "trellis.commands.remove_example"],
            cwd=project,
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.returncode == 1
        assert "apps/invoices/OWNERS.toml depends on catalog, which goes." in done.stderr
        assert files_of(project) == before

    def test_removing_the_example_follows_no_link(
        self, generated: Callable[[str], Path], tmp_path: Path
    ) -> None:
        project = shutil.copytree(generated("example"), tmp_path / "workshop-desk")
        outside = tmp_path / "outside.md"
        outside.write_text("keep # example\n")
        (project / "docs/link.md").symlink_to(outside)
        (project / ".#README.md").symlink_to("nobody@host.1:1")  # as Emacs locks a file

        subprocess.run(
            [sys.executable, "-m", "trellis.commands.remove_example"], cwd=project, check=True
        )

        assert outside.read_text() == "keep # example\n"
        assert not (project / "apps/bookings").exists()
        assert "# example" not in (project / "Makefile").read_text()


class TestTheRecord:
    def read(self, project: Path) -> dict[str, object]:
        text = (project / ".cruft.json").read_text(encoding="utf-8")
        record: dict[str, object] = json.loads(text)
        return record

    def test_names_the_template_its_commit_and_the_answers(
        self, template: Path, generated: Callable[[str], Path]
    ) -> None:
        rev_parse = ["git", "rev-parse", "HEAD"]
        ended = subprocess.run(rev_parse, cwd=template, capture_output=True, text=True, check=True)
        commit = ended.stdout.strip()

        assert self.read(generated("empty")) == {
            "template": str(template),
            "commit": commit,
            "checkout": None,
            "context": {
                "cookiecutter": {
                    "project_name": "Workshop Desk",
                    "project_slug": "workshop-desk",
                    "description": "A Django and Celery project in which everything has a home.",
                    "team": "platform",
                    "team_contact": "#platform",
                    "starter": "empty",
                    "_template": str(template),
                    "_commit": commit,
                }
            },
            "directory": None,
        }

    def test_satisfies_cruft(self, template: Path, tmp_path: Path) -> None:
        typed = {"project_name": "{{ odd }} {% name", "project_slug": "desk"}
        made = generate(template=template, scratch=tmp_path, typed=typed)

        ended = subprocess.run(
            [sys.executable, "-m", "cruft", "diff", "--exit-code"],
            cwd=made.project,
            env={**os.environ, "HOME": str(tmp_path / "home")},
            capture_output=True,
            text=True,
            check=False,
        )

        assert ended.returncode == 0, ended.stdout + ended.stderr

    def test_is_not_written_for_a_template_without_history(
        self, altered: Path, tmp_path: Path
    ) -> None:
        shutil.rmtree(altered / ".git")

        made = generate(template=altered, scratch=tmp_path)

        assert made.code == 0, "\n".join(made.said)
        assert not (made.project / ".cruft.json").exists()

    @pytest.mark.parametrize(
        ("typed", "kept"),
        [
            ("gh:trellis/django-trellis", "https://github.com/trellis/django-trellis.git"),
            ("https://ada:s3cret@example.com/t.git", "https://example.com/t.git"),
            ("https://s3cret@example.com/t.git?token=s3cret", "https://example.com/t.git"),
            ("ssh://git:s3cret@example.com/t.git", "ssh://git@example.com/t.git"),
            ("git@example.com:trellis/t.git", "git@example.com:trellis/t.git"),
        ],
    )
    def test_keeps_no_credentials(self, typed: str, kept: str) -> None:
        code = "import runpy, sys; hook = runpy.run_path('post_gen_project.py')"
        ended = subprocess.run(
            [
                sys.executable,
                "-c",
                f"{code}; print(hook['address_of'](sys.argv[1], seen_from='/'))",
                typed,
            ],
            cwd=ROOT / "hooks",
            capture_output=True,
            text=True,
            check=True,
        )

        assert ended.stdout.strip() == kept


class TestWhatComesNext:
    def test_starts_with_a_folder_the_shell_understands(
        self, template: Path, tmp_path: Path
    ) -> None:
        scratch = tmp_path / "Ada's desk"
        scratch.mkdir()

        made = generate(template=template, scratch=scratch, environment={"PWD": "/elsewhere"})

        (line,) = (line for line in made.said if line.startswith("  cd "))
        ended = subprocess.run(
            ["sh", "-c", f"{line.strip()} && pwd"], capture_output=True, text=True, check=True
        )
        assert ended.stdout.strip() == str(made.project)

    @pytest.mark.parametrize("starter", ["example", "empty"])
    def test_names_what_exists(
        self, starter: str, template: Path, tmp_path: Path, generated: Callable[[str], Path]
    ) -> None:
        made = generate(template=template, scratch=tmp_path, answers={"starter": starter})
        words = [word.rstrip(",.:") for line in made.said for word in line.split()]
        makefile = (generated(starter) / "Makefile").read_text()

        paths = [word for word in words if word.startswith(("docs/", "apps/"))]
        verbs = [after for word, after in pairwise(words) if word == "make"]

        assert paths
        assert [path for path in paths if not (made.project / path).is_file()] == []
        assert verbs[:2] == ["setup", "dev"]
        assert [verb for verb in verbs if f"\n{verb}:" not in makefile] == []
