"""Files that nobody expects: a finding with its place, never a traceback."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.library.checks import projects
from tests.library.checks.projects import make
from trellis.checks import layout, project

VIEWS = "apps/bookings/views.py"
DEEP = 200_000


def with_bytes(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


class TestFileIsReadable:
    @pytest.mark.parametrize(
        ("content", "line"),
        [
            (b"\ndef broken(:\n", 2),
            (b"x = 1\nx = '\0'\n", 2),
            (b"# one\n# \xff\n", 2),
            (b"x = " + b"(" * 400 + b")" * 400, 1),
            (b"x = " + b"-" * DEEP + b"1", 1),
        ],
    )
    def test_names_the_line_that_cannot_be_read(
        self, tmp_path: Path, content: bytes, line: int
    ) -> None:
        root = make(tmp_path)
        (root / VIEWS).write_bytes(content)

        assert projects.places(root, "file_is_readable") == {f"{VIEWS}:{line}"}

    @pytest.mark.parametrize(
        "create",
        [
            os.mkfifo,
            Path.mkdir,
            lambda path: path.symlink_to(path.name),
            lambda path: path.symlink_to("/etc/passwd"),
        ],
    )
    def test_names_what_is_no_ordinary_file(
        self, tmp_path: Path, create: Callable[[Path], object]
    ) -> None:
        root = make(tmp_path)
        create(root / VIEWS)

        assert projects.places(root, "file_is_readable") == {f"{VIEWS}:1"}

    def test_does_not_follow_a_link_to_a_folder(self, tmp_path: Path) -> None:
        root = make(tmp_path)
        (root / "apps/bookings/services").symlink_to(root / "apps")

        assert projects.places(root, "file_is_readable") == {"apps/bookings/services:1"}

    def test_takes_a_link_in_apps_for_no_app(self, tmp_path: Path) -> None:
        root = make(tmp_path)
        (root / "apps/linked").symlink_to(root / "apps/bookings")

        assert projects.places(root, "file_is_readable") == {"apps/linked:1"}

    @pytest.mark.parametrize(
        "text",
        [
            "\ufeffX = 1\r\nY = 2\r\n",
            "x = 1\n" * 10_000,
            "x = '\\d'\ny = a" + ".b" * 1500,
            "if x:\n    pass\n" + "elif x:\n    pass\n" * 1500,
            "x = " + " + ".join(["'a'"] * 1500),
            "",
        ],
    )
    def test_reads_what_is_merely_unusual(self, tmp_path: Path, text: str) -> None:
        root = make(tmp_path)
        (root / VIEWS).write_text(text, encoding="utf-8", newline="")

        assert projects.places(root, "file_is_readable") == set()

    def test_names_a_file_and_a_folder_that_may_not_be_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        root = make(tmp_path, {VIEWS: "", "apps/bookings/services/seats.py": ""})
        read, scan = Path.read_bytes, os.scandir

        def refuse_read(path: Path) -> bytes:
            if path.name == "views.py":
                raise PermissionError(13, "Permission denied")
            return read(path)

        def refuse_scan(path: Path) -> object:
            if Path(path).name == "services":
                raise PermissionError(13, "Permission denied", str(path))
            return scan(path)

        monkeypatch.setattr(Path, "read_bytes", refuse_read)
        monkeypatch.setattr(os, "scandir", refuse_scan)

        found = [str(one) for one in projects.check(root) if one.rule == "file_is_readable"]

        assert found == [
            "apps/bookings/services:1: file_is_readable: cannot be read: Permission denied."
            " Mend the file.",
            f"{VIEWS}:1: file_is_readable: cannot be read: Permission denied. Mend the file.",
        ]

    def test_keeps_names_that_are_no_unicode(self, tmp_path: Path) -> None:
        root = make(tmp_path)
        (root / "apps/bookings/\udcff.py").write_text("X = 1")

        assert projects.places(root, "module_has_a_home") == {"apps/bookings/\udcff.py:1"}

    def test_ignores_hidden_files_and_what_tools_leave(self, tmp_path: Path) -> None:
        root = make(tmp_path, {"apps/bookings/__pycache__/x.py": "def (", "apps/.x/y.py": "def ("})
        (root / "apps/bookings/.#views.py").symlink_to("nowhere")

        assert projects.check(root) == []


class TestNothingToCheck:
    def test_is_told_apart_from_a_clean_project(self, tmp_path: Path) -> None:
        with pytest.raises(project.NothingToCheck, match="There is no folder apps/"):
            layout.check(root=tmp_path, today=projects.TODAY)
