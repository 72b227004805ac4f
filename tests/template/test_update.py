"""A project follows its template: by its own command, from one commit of it to the next."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.template.generating import FOLDER, generate, template_copy

ANSWERS = {
    "project_name": 'Übung & "more" <b>',
    "project_slug": "night-desk",
    "description": "Platform: *stars*, `ticks` and a team=platform.",
    "team": "night-shift",
    "team_contact": "night@example.com",
}
HERE = "Owned by the team `platform`, whom you reach at `#platform`."
THERE = "Kept by the team `platform`, whom you reach at `#platform`."


def git(*arguments: str, at: Path) -> str:
    command = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", *arguments]
    return subprocess.run(command, cwd=at, check=True, capture_output=True, text=True).stdout


def commit(folder: Path, changes: dict[str, tuple[str, str]] | None = None) -> None:
    """Replace text in files ("": at the beginning, also of a new one), and commit all there is."""
    for path, (old, new) in (changes or {}).items():
        text = (folder / path).read_text() if (folder / path).exists() else ""
        assert old in text
        (folder / path).write_text(text.replace(old, new, 1))
    git("add", "-A", at=folder)
    git("commit", "-qm", "Another day", at=folder)


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A template of one commit, that may get more."""
    root = template_copy(to=tmp_path / "django-trellis")
    git("init", "-q", at=root)
    commit(root)
    return root


def make_project(template: Path, *, starter: str) -> Path:
    """Generate a project with answers of its own, under git as it came."""
    made = generate(
        template=template, scratch=template.parent, answers={**ANSWERS, "starter": starter}
    )
    assert made.code == 0, "\n".join(made.said)
    git("init", "-q", at=made.project)
    commit(made.project)
    return made.project


def update(project: Path) -> "subprocess.CompletedProcess[str]":
    """Run the project's own command, with the cruft that is installed here instead of `uvx`'s."""
    tools = project.parents[1] / "tools"
    tools.mkdir(exist_ok=True)
    (tools / "uv").write_text(
        f'#!/bin/sh\n[ "$1 $2" = "tool run" ] || exit 0\nshift 2\nexec "{sys.executable}" -m "$@"\n'
    )
    (tools / "uv").chmod(0o755)
    return subprocess.run(
        ["make", "template-update"],
        cwd=project,
        env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "HOME": str(tools)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def check_layout(project: Path) -> None:
    command = [sys.executable, "-B", "-m", "trellis"]
    checked = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def unsettled(project: Path) -> list[str]:
    """What an update left for a person: conflicts, and pieces that it could not place."""
    conflicts = git("diff", "--name-only", "--diff-filter=U", at=project).split()
    return conflicts + [path.name for path in project.rglob("*.rej")]


class TestTemplateUpdate:
    @pytest.mark.parametrize("starter", ["example", "empty"])
    def test_brings_what_is_new_and_keeps_what_is_the_projects_own(
        self, history: Path, starter: str
    ) -> None:
        project = make_project(history, starter=starter)
        readme = (project / "README.md").read_text()
        mine = {"README.md": ("## Every day\n", "## Our rota\n\nAda.\n\n## Every day\n")}
        commit(project, mine | {"apps/accounts/urls.py": ("", "# ours\n")})
        theirs = {f"{FOLDER}/README.md": (HERE, THERE), f"{FOLDER}/docs/news.md": ("", "# News\n")}
        commit(history, theirs)

        said = update(project)

        assert said.returncode == 0, said.stdout
        assert unsettled(project) == []
        assert (project / "docs/news.md").read_text() == "# News\n"
        assert (project / "apps/accounts/urls.py").read_text().startswith("# ours\n")
        expected = readme.replace(*mine["README.md"]).replace("Owned by the", "Kept by the")
        assert (project / "README.md").read_text() == expected
        assert "team `night-shift`, whom you reach at `night@example.com`" in expected
        record = json.loads((project / ".cruft.json").read_text())
        assert record["commit"] == git("rev-parse", "HEAD", at=history).strip()
        assert record["context"]["cookiecutter"].items() >= ANSWERS.items()
        changed = git("status", "--porcelain", at=project).split()[1::2]
        assert sorted(changed) == [".cruft.json", "README.md", "docs/news.md"]
        check_layout(project)

    def test_can_be_repeated(self, history: Path) -> None:
        project = make_project(history, starter="example")
        for news in ("First", "Second"):
            commit(history, {f"{FOLDER}/docs/news.md": ("", f"# {news}\n")})
            assert update(project).returncode == 0
            commit(project)

        said = update(project)

        assert "Nothing to do" in said.stdout
        assert (project / "docs/news.md").read_text() == "# Second\n# First\n"

    def test_names_what_both_have_changed(self, history: Path) -> None:
        project = make_project(history, starter="example")
        commit(project, {"README.md": ("Owned by the team", "Loved by the team")})
        commit(history, {f"{FOLDER}/README.md": (HERE, THERE)})

        said = update(project)

        assert said.returncode != 0
        assert "To settle by hand" in said.stdout
        assert "make owners setup check:\nREADME.md\n" in said.stdout
        readme = (project / "README.md").read_text()
        assert "<<<<<<<" in readme
        assert "Loved by the team `night-shift`" in readme
        assert "Kept by the team `night-shift`" in readme

    def test_refuses_to_mix_with_work_that_is_not_committed(self, history: Path) -> None:
        project = make_project(history, starter="example")
        commit(history, {f"{FOLDER}/docs/news.md": ("", "# News\n")})
        (project / "apps/accounts/urls.py").write_text("# half done\n")

        said = update(project)

        assert said.returncode != 0
        assert not (project / "docs/news.md").exists()

    def test_brings_no_more_of_an_example_that_was_removed(self, history: Path) -> None:
        project = make_project(history, starter="example")
        for command in (["trellis.commands.remove_example"], ["conventions", "owners"]):
            subprocess.run([sys.executable, "-B", "-m", *command], cwd=project, check=True)
        commit(project)
        example = f"{FOLDER}/apps/catalog"
        commit(
            history,
            {
                f"{example}/tests/extra.py": ("", "X = 1\n"),
                f"{FOLDER}/config/settings.py": ('    "apps.catalog",', '    "apps.catalog" ,'),
                f"{FOLDER}/docs/news.md": ("", "# News\n"),
            },
        )

        said = update(project)

        assert said.returncode == 0, said.stdout
        assert (project / "docs/news.md").exists()
        assert not (project / "apps/catalog").exists()
        check_layout(project)

    def test_asks_for_git_first(self, history: Path) -> None:
        project = make_project(history, starter="empty")
        shutil.rmtree(project / ".git")

        said = update(project)

        assert said.returncode != 0
        assert "make: an update is merged by git. First: git init" in said.stdout
