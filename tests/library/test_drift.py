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
WAIVERS = """
[[waiver]]
path = "apps/invoices/tasks.py"
[[waiver]]
app = "accounts"
[[waiver]]
count = { "apps/invoices/views.py" = 2 }
"""
VIEWS = """
def page(request):
    def inner():
        return 1
    return inner()
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
    more = {
        "apps/invoices/tasks.py": TASKS,
        "apps/invoices/views.py": VIEWS,
        "waivers.toml": WAIVERS,
    }
    commit(root, more | {"apps/invoices/tests/test_views.py": VIEWS}, when="2026-03-05")
    return root


class TestRead:
    def test_measures_each_app_at_the_end_of_each_month(self, root: Path) -> None:
        history = drift.read(root=root, since="2025-11", until="2026-03")

        assert history.months == ["2026-01", "2026-02", "2026-03"]
        before = drift.Figures(largest=2)
        after = drift.Figures(doors=2, largest=2, edges=1, tasks=1, waivers=2)
        assert list(history.apps["invoices"].values()) == [before, before, after]
        assert history.apps["accounts"]["2026-03"] == drift.Figures(waivers=1)
        assert history.note == ""

    def test_says_that_a_shallow_clone_hides_the_rest(self, root: Path, tmp_path: Path) -> None:
        git("clone", "-q", "--depth", "1", root.as_uri(), str(tmp_path / "clone"), at=tmp_path)

        history = drift.read(root=tmp_path / "clone", since="2026-01", until="2026-03")

        assert history.months == ["2026-03"]
        assert "nothing before 2026-03" in history.note

    def test_works_in_a_folder_of_a_larger_repository(self, root: Path, tmp_path: Path) -> None:
        git("clone", "-q", root.as_uri(), str(tmp_path / "all"), at=tmp_path)
        (tmp_path / "all/desk").mkdir()
        git("mv", "apps", "desk/apps", at=tmp_path / "all")
        git("commit", "-qm", "move", at=tmp_path / "all", when="2026-04-01")

        history = drift.read(root=tmp_path / "all/desk", since="2026-04", until="2026-04")

        assert history.apps["invoices"]["2026-04"].tasks == 1


class TestTable:
    def test_marks_a_month_in_which_an_app_did_not_exist(self) -> None:
        january = {"accounts": {"2026-01": drift.Figures(doors=1, largest=2)}}

        lines = drift.table(drift.History(["2026-01", "2026-02"], january)).splitlines()

        assert lines[0] == "Statements in views, APIs, admin, commands"
        assert lines[1].split() == ["2026"]
        assert lines[2].split() == ["01", "02"]
        assert lines[3].split() == ["accounts", "1", "."]


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

    def test_prints_every_figure_of_every_app(
        self, root: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert drift.main(since="2026-01", root=root) == 0

        printed = capsys.readouterr().out
        assert all(title in printed for title in drift.TITLES.values())
        assert printed.count("invoices") == len(drift.TITLES)
