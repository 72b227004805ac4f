import os
import subprocess
from pathlib import Path

import pytest

from trellis.commands import drift

SERVICES = """
def add_one(*, title: str) -> None:
    title = title.strip()
    print(title)
"""
TASKS = """
from celery import shared_task
from apps.accounts import selectors

@shared_task(name="invoices.remind")
def remind() -> None:
    selectors.everybody()
"""
VIEWS = """
def page(request):
    def inner():
        return 1
    return inner()
"""
MORE = """
def again(request):
    return request
"""


def git(*arguments: str, at: Path, when: str = "") -> None:
    author = ("-c", "user.name=A", "-c", "user.email=a@example.com")
    dates = {f"GIT_{who}_DATE": f"{when}T12:00:00Z" for who in ("AUTHOR", "COMMITTER") if when}
    environment = os.environ | dates
    subprocess.run(["git", *author, *arguments], cwd=at, env=environment, check=True)


def commit(root: Path, files: dict[str, str], *, when: str) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    git("add", "-A", at=root)
    git("commit", "-qm", when, at=root, when=when)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that began in January, stood still in February, and grew in March."""
    root = tmp_path_factory.mktemp("history") / "desk"
    root.mkdir()
    git("init", "-q", at=root)
    owners = 'team = "platform"\npurpose = "p"\nrunbook = "r"\n'
    commit(root, {"README.md": "Desk"}, when="2025-12-01")
    commit(
        root,
        {
            "apps/accounts/OWNERS.toml": owners,
            "apps/accounts/selectors.py": "def everybody(): ...",
            "apps/invoices/OWNERS.toml": owners,
            "apps/invoices/services.py": SERVICES,
        },
        when="2026-01-10",
    )
    more = {"apps/invoices/tasks.py": TASKS, "apps/invoices/views.py": VIEWS}
    commit(root, more | {"apps/invoices/tests/test_views.py": VIEWS}, when="2026-03-05")
    commit(root, {"apps/invoices/views.py": VIEWS + MORE}, when="2026-03-06")
    return root


class TestRead:
    def test_measures_each_app_at_the_last_commit_of_each_month(self, root: Path) -> None:
        figures = drift.read(root=root, since="2025-11")

        nothing = drift.Figures(doors=0, longest=0, uses=0, tasks=0)
        assert figures == {
            ("accounts", "2026-01"): nothing,
            ("accounts", "2026-03"): nothing,
            ("invoices", "2026-01"): nothing._replace(longest=1),
            ("invoices", "2026-03"): drift.Figures(doors=4, longest=1, uses=1, tasks=1),
        }
        assert figures.keys() - drift.read(root=root, since="2026-02").keys() == {
            ("accounts", "2026-01"),
            ("invoices", "2026-01"),
        }

    def test_works_in_a_folder_of_a_larger_repository(self, root: Path, tmp_path: Path) -> None:
        git("clone", "-q", root.as_uri(), str(tmp_path / "all"), at=tmp_path)
        (tmp_path / "all/desk").mkdir()
        git("mv", "apps", "desk/apps", at=tmp_path / "all")
        git("commit", "-qm", "move", at=tmp_path / "all", when="2026-04-01")

        figures = drift.read(root=tmp_path / "all/desk", since="2026-01")

        assert {month for _, month in figures} == {"2026-04"}
        assert figures["invoices", "2026-04"].tasks == 1


class TestMain:
    @pytest.mark.parametrize("is_repository", [True, False])
    def test_says_in_one_line_that_there_is_no_history(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], is_repository: bool
    ) -> None:
        if is_repository:
            git("init", "-q", at=tmp_path)

        assert drift.main(since="", root=tmp_path) == 2
        assert capsys.readouterr().err.startswith("Drift reads git's history. fatal: ")

    def test_says_in_one_line_that_there_is_no_git(
        self, root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", "")

        assert drift.main(since="", root=root) == 2
        assert "git is not on the PATH" in capsys.readouterr().err

    def test_says_in_one_line_what_a_month_is(
        self, root: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert drift.main(since="2026-13", root=root) == 2
        assert "'2026-13' is not a month. Write 2026-01." in capsys.readouterr().err

    def test_prints_a_row_for_each_app_and_month(
        self, root: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert drift.main(since="2026-02", root=root) == 0

        title, *rows, _ = (line.split() for line in capsys.readouterr().out.splitlines())
        assert title == ["APP", "MONTH", "DOORS", "LONGEST", "USES", "TASKS"]
        assert rows[1] == ["invoices", "2026-03", "4", "1", "1", "1"]

    def test_says_in_one_line_that_no_app_is_so_young(
        self, root: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert drift.main(since="2026-04", root=root) == 2
        assert capsys.readouterr().err == "No commit since 2026-04 has an app in apps/.\n"
