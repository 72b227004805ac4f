"""The hooks: when they refuse, what they must not hide, and what they leave."""

import ast
import re
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.template.generating import FOLDER, ROOT, files_of, generate, load_hook

UPDATE = (
    "workshop-desk holds files, and generating again would replace them. To update the "
    'project, run "make template-update" in it; for another one, choose another project_slug.'
)


class TestTheMachine:
    def test_is_good_enough_here(self) -> None:
        assert load_hook("pre_gen_project").machine_problem() == ""

    def test_needs_a_python_that_is_not_too_old(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "version_info", (3, 8, 10, "final", 0))
        monkeypatch.setattr(sys, "version", "3.8.10 (default)")

        assert load_hook("pre_gen_project").machine_problem() == (
            "Trellis needs Python 3.11 or newer; cookiecutter runs on 3.8.10 here. "
            'Try "uvx --python 3.13 cookiecutter" with the same answers.'
        )

    def test_is_told_so_by_a_python_that_cannot_run_the_rest(self) -> None:
        """Cookiecutter 2.6 runs on Python 3.7, and so the hook has to parse there."""
        source = (ROOT / "hooks" / "pre_gen_project.py").read_text(encoding="utf-8")

        assert ast.parse(source, feature_version=(3, 7)).body

    def test_needs_git(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))

        problem = load_hook("pre_gen_project").machine_problem()

        assert problem == "Trellis needs git. Install it and try again."


class TestAFolderThatHoldsFiles:
    @pytest.mark.parametrize(
        "arguments",
        [("--overwrite-if-exists",), ("--overwrite-if-exists", "--skip-if-file-exists")],
        ids=["-f", "-f -s"],
    )
    def test_is_refused_in_one_line_and_left_as_it_is(
        self,
        arguments: tuple[str, ...],
        template: Path,
        generated: Callable[[str], Path],
        tmp_path: Path,
    ) -> None:
        project = tmp_path / "place" / "workshop-desk"
        shutil.copytree(generated("example"), project)
        (project / "apps/invoices").mkdir()
        (project / "apps/invoices/models.py").write_text("# mine\n")
        (project / "apps/catalog/mine.py").write_text("# mine\n")
        (project / "README.md").write_text("# Mine\n")
        before = files_of(project)

        made = generate(template=template, scratch=tmp_path, arguments=arguments)

        assert made.code == 1
        assert made.output[0] == UPDATE
        assert files_of(project) == before

    def test_is_refused_by_cookiecutter_itself_without_f(
        self, template: Path, tmp_path: Path
    ) -> None:
        mine = tmp_path / "place" / "workshop-desk" / "mine.txt"
        mine.parent.mkdir(parents=True)
        mine.write_text("mine")

        made = generate(template=template, scratch=tmp_path)

        assert made.code == 1
        assert "already exists" in made.output[-1]
        assert files_of(mine.parent) == {"mine.txt": b"mine"}

    def test_may_be_there_if_it_is_empty(self, template: Path, tmp_path: Path) -> None:
        (tmp_path / "place" / "workshop-desk").mkdir(parents=True)

        made = generate(template=template, scratch=tmp_path, arguments=("-f",))

        assert (made.project / "manage.py").exists()


class TestAFailure:
    @pytest.mark.parametrize("starter", ["example", "empty"])
    def test_of_the_layout_check_fails_the_generation(
        self, starter: str, altered: Path, tmp_path: Path
    ) -> None:
        selectors = altered / FOLDER / "apps/accounts/selectors.py"
        selectors.write_text(selectors.read_text() + "\n\nfrom apps.accounts import services\n")
        line = len(selectors.read_text().splitlines())

        made = generate(template=altered, scratch=tmp_path, answers={"starter": starter})

        assert made.code == 1
        assert made.output[0] == "The layout check of the template fails:"
        assert f"apps/accounts/selectors.py:{line}: " in "\n".join(made.output)
        assert list(made.place.iterdir()) == []

    def test_of_the_projects_own_code_fails_the_generation(
        self, altered: Path, tmp_path: Path
    ) -> None:
        library = altered / FOLDER / "vendor/trellis/src/trellis"
        (library / "ownership.py").write_text("raise ValueError('broken')\n")

        made = generate(template=altered, scratch=tmp_path)

        assert made.code == 1
        assert "ValueError: broken" in made.output
        assert list(made.place.iterdir()) == []


class TestATemplateThatSomebodyWorkedIn:
    def test_passes_on_no_cache_and_no_read_only_file(self, altered: Path, tmp_path: Path) -> None:
        library = altered / FOLDER / "vendor/trellis/src/trellis"
        junk = b"{% no template \xff"
        for cache in (altered / FOLDER / ".ruff_cache/0.17.1/123", library / "__pycache__/x.pyc"):
            cache.parent.mkdir(parents=True)
            cache.write_bytes(junk)
        for path in files_of(altered):
            (altered / path).chmod(0o444)
        before = files_of(altered)

        made = generate(template=altered, scratch=tmp_path, answers={"starter": "empty"})

        paths = list(made.project.rglob("*"))
        assert [p for p in paths if p.name == "__pycache__" or p.name.endswith("_cache")] == []
        assert [p for p in paths if p.is_file() and not p.stat().st_mode & 0o200] == []
        assert files_of(altered) == before


class TestWhatComesNext:
    def test_names_the_folder_as_a_shell_reads_it_and_commands_that_exist(
        self, template: Path, tmp_path: Path
    ) -> None:
        scratch = tmp_path / "Ada's desk"
        scratch.mkdir()

        made = generate(template=template, scratch=scratch, answers={"starter": "empty"})

        (line,) = (line for line in made.output if line.startswith("  cd "))
        assert shlex.split(line) == ["cd", str(made.project)]
        makefile = (made.project / "Makefile").read_text()
        verbs = re.findall(r"make ([a-z-]+)", "\n".join(made.output))
        assert verbs == ["setup", "dev", "template-update"]
        assert [verb for verb in verbs if f"\n{verb}:" not in makefile] == []
