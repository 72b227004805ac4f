"""The template folder is a project as it stands: Python without Jinja, clean under its linters."""

import fnmatch
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.generating import FOLDER, ROOT, files_of

# All that cookiecutter renders. (In apps/*/OWNERS.toml the hook puts the answered team.)
RENDERED = {"AGENTS.md", "CHANGELOG.md", "README.md", "pyproject.toml", "teams.toml"}
JINJA = (b"{{", b"{%", b"{#")


def copied_as_it_stands(path: str) -> bool:
    patterns = json.loads((ROOT / "cookiecutter.json").read_text())["_copy_without_render"]
    above = [str(folder) for folder in Path(path).parents][:-1]
    return any(fnmatch.fnmatch(name, pattern) for name in [path, *above] for pattern in patterns)


class TestPython:
    def test_holds_no_jinja(self, template: Path) -> None:
        holding = [
            path
            for path, content in files_of(template / FOLDER).items()
            if path.endswith(".py") and b"cookiecutter." in content
        ]

        assert holding == []

    def test_of_a_hook_holds_one_expression_in_one_string(self) -> None:
        for hook in (ROOT / "hooks").glob("*.py"):
            lines = hook.read_text(encoding="utf-8").splitlines()

            found = [line for line in lines if any(mark.decode() in line for mark in JINJA)]

            assert found == ['ANSWERS = r"""{{ cookiecutter | jsonify }}"""'], hook.name


class TestTheTemplateFolder:
    def test_renders_only_what_is_meant_to_be(self, template: Path) -> None:
        paths = list(files_of(template / FOLDER))

        assert {path for path in paths if not copied_as_it_stands(path)} == RENDERED

    @pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=" ".join)
    def test_passes_ruff_as_it_stands(self, command: list[str], template: Path) -> None:
        ended = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", "."],
            cwd=template / FOLDER,
            capture_output=True,
            text=True,
            check=False,
        )

        assert ended.returncode == 0, ended.stdout + ended.stderr
