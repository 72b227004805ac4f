"""The template folder is a project as it stands: without Jinja, clean under its linters."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.template.generating import FOLDER, ROOT, files_of

JINJA = (b"{{", b"{%", b"{#")


class TestAHook:
    def test_holds_one_expression_in_one_string(self) -> None:
        for hook in (ROOT / "hooks").glob("*.py"):
            lines = hook.read_text(encoding="utf-8").splitlines()

            found = [line for line in lines if any(mark.decode() in line for mark in JINJA)]

            assert found == ['ANSWERS = r"""{{ cookiecutter | jsonify }}"""'], hook.name


class TestTheTemplateFolder:
    def test_names_the_version_of_the_template(self, template: Path) -> None:
        of_its_own = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        of_a_project = tomllib.loads((template / FOLDER / "pyproject.toml").read_text("utf-8"))

        assert (
            of_a_project["tool"]["trellis"]["template_version"] == of_its_own["project"]["version"]
        )

    def test_holds_no_jinja_of_cookiecutters(self, template: Path) -> None:
        opened = re.compile(rb"[{][{%][^}]*cookiecutter")

        files = files_of(template / FOLDER).items()

        assert [path for path, content in files if opened.search(content)] == []

    @pytest.mark.parametrize(
        "command",
        ["ruff check --no-cache .", "ruff format --check --no-cache .", "conventions"],
    )
    def test_passes_as_it_stands(self, command: str, template: Path) -> None:
        ended = subprocess.run(
            [sys.executable, "-B", "-m", *command.split()],
            cwd=template / FOLDER,
            capture_output=True,
            text=True,
            check=False,
        )

        assert ended.returncode == 0, ended.stdout + ended.stderr
