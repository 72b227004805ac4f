"""The same answers give the same bytes, whenever, wherever and by whatever seed."""

from pathlib import Path

import pytest

from tests.template.generating import files_of, generate


class TestGeneration:
    @pytest.mark.parametrize("starter", ["example", "empty"])
    def test_gives_the_same_bytes_twice(self, starter: str, template: Path, tmp_path: Path) -> None:
        circumstances = (
            ("one", {"PYTHONHASHSEED": "1", "TZ": "UTC", "LC_ALL": "C.UTF-8"}),
            ("another place/with spaces", {"PYTHONHASHSEED": "2", "TZ": "Asia/Tokyo"}),
        )
        projects = []
        for folder, environment in circumstances:
            scratch = tmp_path / folder
            scratch.mkdir(parents=True)
            answers = {"starter": starter, "project_name": "Désk 工作坊"}
            made = generate(
                template=template, scratch=scratch, answers=answers, environment=environment
            )
            projects.append(made.project)

        one, another = map(files_of, projects)

        assert list(one) == list(another)
        assert [path for path in one if one[path] != another[path]] == []

    def test_writes_no_place(self, template: Path, tmp_path: Path) -> None:
        made = generate(template=template, scratch=tmp_path)

        for path, content in files_of(made.project).items():
            assert str(tmp_path).encode() not in content, path

    @pytest.mark.parametrize("changing", [b"{% now", b"random_ascii_string", b"{{ uuid4"])
    def test_asks_cookiecutter_for_nothing_that_changes(
        self, changing: bytes, template: Path
    ) -> None:
        (folder,) = template.glob("*cookiecutter.project_slug*")

        assert [path for path, content in files_of(folder).items() if changing in content] == []
