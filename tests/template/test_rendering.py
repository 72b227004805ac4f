"""What is rendered, what is copied, and that both give the same project everywhere."""

import re
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

import pytest

from tests.template.generating import (
    COPIED_WITHOUT_RENDERING,
    FOLDER,
    QUESTIONS,
    ROOT,
    files_of,
    generate,
)
from trellis.commands.remove_example import EXAMPLE_PATHS

JINJA = re.compile(rb"[{][{%#]")
ANSWER = re.compile(rb"[{][{] cookiecutter\.(" + "|".join(QUESTIONS).encode() + rb") [}][}]")
DERIVED = {".cruft.json", ".github/CODEOWNERS"}


def is_copied(path: str) -> bool:
    return any(fnmatch(path, pattern) for pattern in COPIED_WITHOUT_RENDERING)


class TestTheTemplateFolder:
    def test_copies_all_but_markdown_and_toml(self, template: Path) -> None:
        paths = files_of(template / FOLDER)

        rendered = [path for path in paths if not is_copied(path)]

        assert [path for path in rendered if not path.endswith((".md", ".toml"))] == []

    def test_copies_no_folder_as_a_whole(self, template: Path) -> None:
        """Cookiecutter deletes a folder of the user's that such a pattern matches."""
        folders = {
            str(parent)
            for path in files_of(template / FOLDER)
            for parent in PurePosixPath(path).parents
        }

        assert [folder for folder in folders if is_copied(folder)] == []

    def test_holds_no_expression_but_answers_in_what_is_rendered(self, template: Path) -> None:
        files = {p: text for p, text in files_of(template / FOLDER).items() if not is_copied(p)}

        assert [p for p, text in files.items() if JINJA.search(ANSWER.sub(b"", text))] == []
        assert {"README.md", "pyproject.toml", "teams.toml"} <= {
            p for p, text in files.items() if ANSWER.search(text)
        }

    def test_holds_no_answer_in_what_is_copied(self, template: Path) -> None:
        files = {p: text for p, text in files_of(template / FOLDER).items() if is_copied(p)}

        assert [path for path, text in files.items() if b"cookiecutter." in text] == []


class TestAHook:
    @pytest.mark.parametrize("name", ["pre_gen_project", "post_gen_project"])
    def test_holds_one_expression_in_one_string(self, name: str) -> None:
        source = (ROOT / "hooks" / f"{name}.py").read_bytes()

        lines = [line for line in source.splitlines() if JINJA.search(line)]

        assert [line.partition(b"  #")[0] for line in lines] == [
            b'ANSWERS = r"""{{ cookiecutter | jsonify }}"""'
        ]


class TestAGeneratedProject:
    def test_holds_every_file_of_the_template_and_what_is_derived(
        self, template: Path, generated: Callable[[str], Path]
    ) -> None:
        folder, project = files_of(template / FOLDER), files_of(generated("example"))

        assert set(project) == set(folder) | DERIVED
        assert [p for p in folder if is_copied(p) and project[p] != folder[p]] == []

    def test_holds_nothing_of_the_example_if_it_is_empty(
        self, template: Path, generated: Callable[[str], Path]
    ) -> None:
        folder, project = files_of(template / FOLDER), files_of(generated("empty"))
        of_the_example = {
            path
            for path in folder
            for gone in EXAMPLE_PATHS
            if path == gone or path.startswith(gone + "/")
        }
        named = re.compile(
            rb"apps[./](bookings|catalog|insights)|(bookings|catalog|insights):"
            rb"|example (begins|ends)|# example"
        )

        assert set(project) == (set(folder) - of_the_example) | DERIVED
        assert [
            path
            for path, text in project.items()
            if named.search(text) and not path.startswith("vendor/")
        ] == []

    def test_holds_no_secret_and_no_repository(self, generated: Callable[[str], Path]) -> None:
        project = generated("example")

        assert not (project / ".env").exists()
        assert not (project / ".git").exists()

    def test_names_the_version_of_the_template(self, generated: Callable[[str], Path]) -> None:
        version = re.compile(r'^(?:template_)?version = "(.*)"$', re.MULTILINE)
        templates = version.findall((ROOT / "pyproject.toml").read_text())
        projects = version.findall((generated("example") / "pyproject.toml").read_text())

        assert projects[-1:] == templates

    @pytest.mark.parametrize("starter", ["example", "empty"])
    def test_is_the_same_at_another_time_and_place(
        self, starter: str, template: Path, generated: Callable[[str], Path], tmp_path: Path
    ) -> None:
        scratch = tmp_path / "a folder of Ada's"
        scratch.mkdir()
        made = generate(
            template=template,
            scratch=scratch,
            answers={"starter": starter},
            environment={"PYTHONHASHSEED": "7", "TZ": "Pacific/Kiritimati", "LANG": "tr_TR.UTF-8"},
        )

        assert files_of(made.project) == files_of(generated(starter))

    def test_holds_no_path_of_the_machine_but_the_templates_own(
        self, template: Path, generated: Callable[[str], Path]
    ) -> None:
        project = generated("example")

        for path, content in files_of(project).items():
            assert str(project.parent).encode() not in content, path
            assert str(template).encode() not in content or path == ".cruft.json"

    def test_works_where_lines_end_as_on_windows(self, altered: Path, tmp_path: Path) -> None:
        for path in files_of(altered):
            content = (altered / path).read_bytes()
            (altered / path).write_bytes(content.replace(b"\n", b"\r\n"))
        (tmp_path / "linux").mkdir()

        answers = {"project_name": "Seat Office", "team": "ushers", "starter": "empty"}
        windows = generate(template=altered, scratch=tmp_path, answers=answers).project
        for path in files_of(altered):
            content = (altered / path).read_bytes()
            (altered / path).write_bytes(content.replace(b"\r\n", b"\n"))
        linux = generate(template=altered, scratch=tmp_path / "linux", answers=answers).project

        assert {
            path: content.replace(b"\r\n", b"\n") for path, content in files_of(windows).items()
        } == files_of(linux)
