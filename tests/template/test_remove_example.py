"""`make remove-example` turns a project with the example into the empty one, and loses no more."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.template.generating import files_of
from trellis.commands import remove_example


@pytest.fixture
def project(generated: Callable[[str], Path], tmp_path: Path) -> Path:
    """A project with the example, to be changed."""
    return shutil.copytree(generated("example"), tmp_path / "workshop-desk")


class TestRemoveExample:
    def test_leaves_the_empty_project_byte_for_byte(
        self, project: Path, generated: Callable[[str], Path]
    ) -> None:
        assert remove_example.main(root=project) == 0

        assert files_of(project) == files_of(generated("empty"))

    def test_changes_nothing_when_called_again(self, project: Path) -> None:
        remove_example.main(root=project)
        once = files_of(project)

        assert remove_example.main(root=project) == 0
        assert files_of(project) == once

    def test_keeps_an_app_of_the_users_and_what_they_wrote(self, project: Path) -> None:
        shutil.copytree(project / "apps/accounts", project / "apps/invoices")
        mine = {
            "apps/invoices/mine.py": "HOST = 'example.com'  # example\n",
            ".env": "SENTRY_DSN=https://example.com # example\n",
            "docs/runbooks/invoices.md": "# Invoices\n\n\n",
        }
        for path, text in mine.items():
            (project / path).write_text(text)

        assert remove_example.main(root=project) == 0
        assert {path: (project / path).read_text() for path in mine} == mine
        assert "invoices" in (project / ".github/CODEOWNERS").read_text()

    def test_is_refused_while_an_app_of_the_users_uses_it(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (project / "apps/invoices").mkdir()
        shutil.copy(project / "apps/bookings/OWNERS.toml", project / "apps/invoices/OWNERS.toml")
        before = files_of(project)

        assert remove_example.main(root=project) == 1

        assert capsys.readouterr().err == (
            "apps/invoices/OWNERS.toml depends on catalog, which belongs to the example.\n"
            "Nothing was deleted.\n"
        )
        assert files_of(project) == before

    def test_is_refused_where_owners_cannot_be_read(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (project / "apps/accounts/OWNERS.toml").write_text("team = [")
        before = files_of(project)

        assert remove_example.main(root=project) == 1

        assert "OWNERS.toml:1" in capsys.readouterr().err
        assert files_of(project) == before

    def test_tells_of_an_app_whose_team_goes_with_the_example(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        owners = project / "apps/invoices/OWNERS.toml"
        shutil.copytree(project / "apps/catalog", owners.parent)

        assert remove_example.main(root=project) == 1
        assert "no team 'curators' in teams.toml" in capsys.readouterr().err

        owners.write_text(owners.read_text().replace("curators", "platform"))
        assert remove_example.main(root=project) == 0

    def test_follows_no_link(self, project: Path, tmp_path: Path) -> None:
        outside = tmp_path / "outside"
        (project / "docs").rename(outside)
        (project / "docs").symlink_to(outside)
        (outside / "mine.md").write_text("keep # example\n")
        (project / "AGENTS.md").unlink()
        (project / "AGENTS.md").symlink_to(outside / "mine.md")
        shutil.move(project / "apps/bookings", outside / "bookings")
        (project / "apps/bookings").symlink_to(outside / "bookings")
        (project / "NOTES.md").symlink_to("nowhere")
        before = files_of(outside)

        assert remove_example.main(root=project) == 0

        assert files_of(outside) == before
        assert not os.path.lexists(project / "apps/bookings")
        assert not (project / "apps/catalog").exists()

    def test_goes_on_where_it_was_stopped(
        self,
        project: Path,
        generated: Callable[[str], Path],
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def full(path: str) -> None:
            raise OSError(28, "No space left on device", str(path))

        with monkeypatch.context() as broken:
            broken.setattr(shutil, "rmtree", full)
            assert remove_example.main(root=project) == 1
        assert "run it again" in capsys.readouterr().err

        assert remove_example.main(root=project) == 0
        assert files_of(project) == files_of(generated("empty"))


class TestMarks:
    @pytest.mark.parametrize(
        ("name", "text", "left"),
        [
            ("teams.toml", "a\nb # example\nc\n", "a\nc\n"),
            ("teams.toml", "a\r\nb # example\r\nc\r\n", "a\r\nc\r\n"),
            ("templates/a.html", "<p>\n<b>{# example #}\n</p>\n", "<p>\n</p>\n"),
            ("Makefile", "a\n# example begins\nb:\n\tc\n# example ends\n", "a\n"),
            (
                "README.md",
                "a\n\n<!-- example begins -->\nb\n\nc\n<!-- example ends -->\n\nd",
                "a\n\nd",
            ),
            (
                "README.md",
                "|a|\n<!-- example begins -->\n|b|\n<!-- example ends -->\n|c|",
                "|a|\n|c|",
            ),
            ("README.md", "## example\n", "## example\n"),
            ("README.md", "no end\n<!-- example begins -->\n", "no end\n<!-- example begins -->\n"),
            ("config/a.py", "# see the workshop example\n", "# see the workshop example\n"),
        ],
    )
    def test_take_lines_and_passages_away(
        self, name: str, text: str, left: str, tmp_path: Path
    ) -> None:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(text.encode())

        remove_example.remove_example(root=tmp_path)

        assert (tmp_path / name).read_bytes().decode() == left
