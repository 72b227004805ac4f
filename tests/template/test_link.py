"""The record by which a project follows its template: it names this template, or there is none."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.template.generating import DEFAULTS, FOLDER, commit_all, generate, git, load_hook

HOOK = load_hook("post_gen_project")
NOT_LINKED = (
    "Updates: not linked to its template: docs/following-the-template.md tells how to link it"
)


def record_of(project: Path) -> dict[str, Any]:
    text = (project / ".cruft.json").read_text(encoding="utf-8")
    record: dict[str, Any] = json.loads(text)
    return record


def head(repository: Path) -> str:
    return git("rev-parse", "HEAD", at=repository).strip()


@pytest.fixture
def driver(tmp_path: Path) -> Path:
    """Another git repository, from which cookiecutter may be started."""
    folder = tmp_path / "driver"
    folder.mkdir()
    (folder / "README.md").write_text("# Driver\n")
    return commit_all(folder)


class TestTheRecord:
    def test_holds_the_template_its_commit_and_the_six_answers(
        self, template: Path, generated: Callable[[str], Path]
    ) -> None:
        assert record_of(generated("empty")) == {
            "template": str(template),
            "commit": head(template),
            "context": {"cookiecutter": {**DEFAULTS, "starter": "empty"}},
        }

    def test_satisfies_cruft(self, generated: Callable[[str], Path], tmp_path: Path) -> None:
        for command in (["diff", "--exit-code"], ["check"]):
            ended = subprocess.run(
                [sys.executable, "-m", "cruft", *command],
                cwd=generated("empty"),
                env={**os.environ, "HOME": str(tmp_path)},
                capture_output=True,
                text=True,
                check=False,
            )

            assert ended.returncode == 0, ended.stdout + ended.stderr

    def test_is_written_for_a_relative_path_from_another_repository(
        self, template: Path, driver: Path
    ) -> None:
        relative = os.path.relpath(template, driver)

        made = generate(template=relative, scratch=driver)

        assert record_of(made.project)["template"] == str(template)
        assert record_of(made.project)["commit"] == head(template)

    def test_names_the_address_of_a_clone_in_full(self, template: Path, tmp_path: Path) -> None:
        git("clone", "-q", "--bare", str(template), str(tmp_path / "trellis.git"), at=tmp_path)
        address = f"file://{tmp_path}/trellis.git"
        config = tmp_path / "config.yaml"
        config.write_text(f'abbreviations:\n  ours: "file://{tmp_path}/{{0}}.git"\n')

        made = generate(
            template="ours:trellis", scratch=tmp_path, arguments=("--config-file", str(config))
        )

        assert record_of(made.project)["template"] == address
        assert record_of(made.project)["commit"] == head(template)
        assert (
            made.output[-1]
            == f"Updates: `make template-update` brings in what changes in {address}"
        )

    def test_is_not_written_for_a_zip_file(self, template: Path, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "trellis.zip", "w") as archive:
            archive.mkdir("trellis")
            for path in sorted(template.rglob("*")):
                if ".git" not in path.relative_to(template).parts:
                    archive.write(path, Path("trellis") / path.relative_to(template))

        made = generate(template=tmp_path / "trellis.zip", scratch=tmp_path)

        assert not (made.project / ".cruft.json").exists()
        assert made.output[-1] == NOT_LINKED


class TestTheTemplatesRepository:
    """What `link` finds; how cookiecutter calls it is tested above."""

    @pytest.fixture(autouse=True)
    def in_the_projects_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A hook runs in the project's folder, which says nothing about the template's."""
        (tmp_path / "desk").mkdir()
        monkeypatch.chdir(tmp_path / "desk")

    def link(self, *, template: Path | str, typed: str = "", output: Path | None = None) -> str:
        project = Path.cwd()
        answers = {
            **DEFAULTS,
            "_template": typed or str(template),
            "_repo_dir": str(template),
            "_output_dir": str(output or project.parent),
        }
        address: str = HOOK.link(project, answers)
        assert (project / ".cruft.json").exists() == bool(address)
        return address

    @pytest.mark.parametrize("present", [True, False])
    def test_is_none_where_a_relative_path_leads_elsewhere(
        self, present: bool, driver: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if present:
            monkeypatch.setenv("PWD", str(driver))
        else:
            monkeypatch.delenv("PWD")

        assert self.link(template=".", output=driver) == ""

    def test_is_found_from_the_output_folder_where_pwd_is_unset(
        self, template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("PWD")
        relative = os.path.relpath(template, tmp_path)

        assert self.link(template=relative) == str(template)

    def test_is_none_without_history(self, altered: Path, tmp_path: Path) -> None:
        assert self.link(template=altered) == ""

        git("init", "-q", at=altered)
        assert self.link(template=altered) == ""

    def test_is_not_one_around_its_folder(self, altered: Path, tmp_path: Path) -> None:
        commit_all(altered.parent)

        assert self.link(template=altered) == ""

    def test_is_named_by_its_origin_without_the_password(self, altered: Path) -> None:
        git("init", "-q", at=altered)
        git("remote", "add", "origin", "https://ada:s3cret@example.com/t.git", at=altered)
        commit_all(altered)

        assert self.link(template=altered, typed="ours:t") == "https://example.com/t.git"
        assert "s3cret" not in Path(".cruft.json").read_text()

    def test_is_none_for_a_clone_without_an_origin(self, altered: Path) -> None:
        assert self.link(template=commit_all(altered), typed="ours:t") == ""

    def test_is_not_another_template_with_hooks_of_its_own(
        self, altered: Path, tmp_path: Path
    ) -> None:
        (altered / "hooks/post_gen_project.py").write_text("print('other')\n")

        assert self.link(template=commit_all(altered)) == ""

    def test_may_be_a_worktree(self, altered: Path, tmp_path: Path) -> None:
        worktree = tmp_path / "worktree"
        git("worktree", "add", "-q", "-b", "next", str(worktree), at=commit_all(altered))
        (worktree / FOLDER / "docs/news.md").write_text("# News\n")
        commit_all(worktree)

        assert self.link(template=worktree) == str(worktree)
        assert record_of(tmp_path / "desk")["commit"] == head(worktree) != head(altered)

    def test_is_not_the_one_of_a_git_hook_that_runs(
        self, template: Path, driver: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GIT_DIR", str(driver / ".git"))

        self.link(template=template)
        monkeypatch.delenv("GIT_DIR")

        assert record_of(tmp_path / "desk")["commit"] == head(template)


class TestAnAddress:
    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ("https://example.com/t.git", "https://example.com/t.git"),
            ("https://ada:s3cret@example.com/t.git", "https://example.com/t.git"),
            ("https://s3cret@example.com/t.git?token=s3cret", "https://example.com/t.git"),
            ("https://ada:s3@cret@example.com:8443/t.git", "https://example.com:8443/t.git"),
            ("ssh://git:s3cret@example.com/t.git", "ssh://git@example.com/t.git"),
            ("ssh://git@example.com:2222/t.git", "ssh://git@example.com:2222/t.git"),
            ("git@example.com:trellis/t.git", "git@example.com:trellis/t.git"),
            ("file:///srv/t.git", "file:///srv/t.git"),
        ],
    )
    def test_keeps_no_secret(self, given: str, kept: str) -> None:
        assert HOOK.without_secrets(given) == kept
