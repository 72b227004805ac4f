"""A project follows its template: by its own command, from one commit of it to the next."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import demo
from tests.template.generating import (
    FOLDER,
    commit_all,
    files_of,
    generate,
    git,
    template_copy,
)
from trellis.commands import remove_example

ANSWERS = {
    "project_name": "Übung & more",
    "project_slug": "night-desk",
    "description": "Platform: *stars*, 'ticks' and a team = platform.",
    "team": "night-shift",
    "team_contact": "night@example.com",
}
GUIDE = "docs/following-the-template.md"
HERE = "This project is yours, and it can still get what changes in its template."


def change(folder: Path, changes: dict[str, tuple[str, str]]) -> None:
    """Replace text in files ("": at the beginning, also of a new one), and commit all there is."""
    for path, (old, new) in changes.items():
        text = (folder / path).read_text() if (folder / path).exists() else ""
        assert old in text
        (folder / path).write_text(text.replace(old, new, 1))
    commit_all(folder)


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A template of one commit, that may get more."""
    return commit_all(template_copy(to=tmp_path / "django-trellis"))


def make_project(template: Path, *, starter: str) -> Path:
    """Generate a project with answers of its own, under git as it came."""
    answers = {**ANSWERS, "starter": starter}
    return commit_all(generate(template=template, scratch=template.parent, answers=answers).project)


def update(project: Path) -> "subprocess.CompletedProcess[str]":
    """Run the project's own command, with the cruft that is installed here instead of `uvx`'s."""
    tools = project.parents[1] / "tools"
    tools.mkdir(exist_ok=True)
    (tools / "uv").write_text(
        f'#!/bin/sh\n[ "$1 $2" = "tool run" ] || exit 0\nshift 2\nexec "{sys.executable}" -m "$@"\n'
    )
    (tools / "uv").chmod(0o755)
    own = {"PATH": f"{tools}:{os.environ['PATH']}", "HOME": str(tools)}
    return subprocess.run(
        ["make", "template-update"],
        cwd=project,
        env=demo.clean_environment() | own,  # without the variables of a `make test`
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def check_layout(project: Path) -> None:
    command = [sys.executable, "-B", "-m", "trellis", "check"]
    checked = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def left_to_a_person(project: Path) -> list[str]:
    """Conflicts, and pieces that git could not place."""
    conflicts = git("diff", "--name-only", "--diff-filter=U", at=project).split()
    return conflicts + [path.name for path in project.rglob("*.rej")]


class TestTemplateUpdate:
    def test_brings_what_is_new_and_keeps_the_projects_own(self, history: Path) -> None:
        project = make_project(history, starter="example")
        guide = (project / GUIDE).read_text()
        mine = {GUIDE: ("## Answers\n", "## Our rota\n\nAda.\n\n## Answers\n")}
        change(project, mine | {"apps/accounts/urls.py": ("", "# ours\n")})
        news = "# News for {{ cookiecutter.team }}\n"
        theirs = {GUIDE: (HERE, HERE.upper()), "docs/news.md": ("", news)}
        change(history, {f"{FOLDER}/{path}": changed for path, changed in theirs.items()})

        updated = update(project)

        assert updated.returncode == 0, updated.stdout
        assert left_to_a_person(project) == []
        assert (project / "docs/news.md").read_text() == "# News for night-shift\n"
        assert (project / "apps/accounts/urls.py").read_text().startswith("# ours\n")
        expected = guide.replace(*mine[GUIDE]).replace(HERE, HERE.upper())
        assert (project / GUIDE).read_text() == expected
        record = json.loads((project / ".cruft.json").read_text())
        assert record["commit"] == git("rev-parse", "HEAD", at=history).strip()
        assert record["context"]["cookiecutter"].items() >= ANSWERS.items()
        changed = git("status", "--porcelain", at=project).split()[1::2]
        assert sorted(changed) == sorted([".cruft.json", GUIDE, "docs/news.md"])
        check_layout(project)

        # And once more: the record that cruft has written is as good as ours.
        commit_all(project)
        change(history, {f"{FOLDER}/docs/news.md": ("News", "More news")})
        assert update(project).returncode == 0
        assert (project / "docs/news.md").read_text() == "# More news for night-shift\n"
        commit_all(project)
        assert "Nothing to do" in update(project).stdout

    def test_names_what_both_have_changed(self, history: Path) -> None:
        project = make_project(history, starter="empty")
        change(project, {GUIDE: (HERE, "Our own words.")})
        change(history, {f"{FOLDER}/{GUIDE}": (HERE, HERE.upper())})

        updated = update(project)

        assert updated.returncode != 0
        assert f"make owners setup check:\n{GUIDE}\n" in updated.stdout
        guide = (project / GUIDE).read_text()
        assert "<<<<<<<" in guide
        assert "Our own words." in guide
        assert HERE.upper() in guide

    def test_brings_nothing_of_an_example_that_was_removed(self, history: Path) -> None:
        project = make_project(history, starter="example")
        assert remove_example.main(root=project) == 0
        commit_all(project)
        theirs = {
            "apps/catalog/tests/extra.py": ("", "X = 1\n"),
            "config/settings.py": ('    "apps.catalog",', '    "apps.catalog" ,'),
            "docs/news.md": ("", "# News\n"),
        }
        change(history, {f"{FOLDER}/{path}": changed for path, changed in theirs.items()})

        updated = update(project)

        assert updated.returncode == 0, updated.stdout
        assert (project / "docs/news.md").exists()
        assert not (project / "apps/catalog").exists()
        check_layout(project)


class TestAProjectThatWasNotLinked:
    def test_is_linked_by_the_command_in_its_guide(self, history: Path) -> None:
        git("tag", "v2.0.0", at=history)
        project = make_project(history, starter="empty")
        (project / ".cruft.json").unlink()
        commit_all(project)
        change(history, {f"{FOLDER}/docs/news.md": ("", "# News\n")})
        answers = [*ANSWERS.values(), "2", ""]  # the second choice of starter, and the commit

        command = "uvx cruft link https://example.com/our-template.git --checkout v2.0.0"
        assert f"{command}\n" in (project / GUIDE).read_text()
        command = command.replace("https://example.com/our-template.git", str(history))
        subprocess.run(
            [sys.executable, "-m", *command.split()[1:]],
            cwd=project,
            input="\n".join(answers) + "\n",
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            env={**os.environ, "HOME": str(project.parents[1] / "home")},
        )
        commit_all(project)

        assert update(project).returncode == 0
        changed = git("status", "--porcelain", at=project).split()[1::2]
        assert sorted(changed) == [".cruft.json", "docs/news.md"]


class TestWhatAnUpdateNeeds:
    """What is missing is said in one line, and nothing is changed."""

    @pytest.fixture
    def project(self, generated: Callable[[str], Path], tmp_path: Path) -> Path:
        place = tmp_path / "place"
        place.mkdir()
        return commit_all(Path(shutil.copytree(generated("empty"), place / "desk")))

    def refusal(self, project: Path) -> str:
        before = files_of(project)
        updated = update(project)
        assert updated.returncode != 0
        assert files_of(project) == before
        return updated.stdout.splitlines()[0]

    def test_is_git(self, project: Path) -> None:
        shutil.rmtree(project / ".git")

        assert self.refusal(project) == (
            "make: an update is merged by git. First: git init && git add -A && git commit -m Begin"
        )

    def test_is_a_link_to_the_template(self, project: Path) -> None:
        (project / ".cruft.json").unlink()
        commit_all(project)

        assert self.refusal(project) == (
            "make: not linked to a template yet. "
            "docs/following-the-template.md tells how to link it."
        )

    def test_is_a_template_that_is_still_there(
        self, project: Path, template: Path, tmp_path: Path
    ) -> None:
        change(project, {".cruft.json": (str(template), str(tmp_path / "moved"))})

        assert self.refusal(project) == (
            f"make: no template at {tmp_path}/moved. Write its new address into .cruft.json."
        )

    def test_is_that_all_work_is_committed(self, project: Path) -> None:
        (project / "apps/accounts/urls.py").write_text("# half done\n")

        assert "unclean git project" in self.refusal(project)
