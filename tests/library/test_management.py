import shutil
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from trellis import ownership
from trellis.management.commands import startapp

TEAMS = ownership.read_teams(f"{ownership.ROOT}/teams.toml")


def said(*command: str) -> str:
    out = StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


class TestOwner:
    @pytest.mark.parametrize(
        "what",
        [
            "accounts",
            "apps/accounts/tests/test_models.py",
            "/accounts/login/",
            "/accounts/login",
            "https://example.com/accounts/login/?next=/",
            "/admin/accounts/user/",
        ],
    )
    def test_is_told_for_what_an_app_has(self, what: str) -> None:
        assert "runbook     docs/runbooks/accounts.md" in said("owner", what)

    @pytest.mark.parametrize(
        "what",
        [
            "manage.py",
            "apps",
            "apps/__init__.py",
            "/",
            "/api/docs",
            "trellis.delete_old_failures",
            "conventions/http.py",
        ],
    )
    def test_is_the_first_team_for_what_no_app_has(self, what: str) -> None:
        assert said("owner", what).startswith("app         none")
        assert f"team        {next(iter(TEAMS))}\n" in said("owner", what)

    @pytest.mark.parametrize(
        "what", ["apps/nobody/models.py", "../", "/nowhere/", "a.task", "x://["]
    )
    def test_is_refused_for_what_is_not_here(self, what: str) -> None:
        with pytest.raises(CommandError, match="no file here, no task and no address"):
            said("owner", what)

    @pytest.mark.parametrize("what", ["bookings.send_confirmation", "/api/bookings"])  # example
    def test_is_told_for_tasks_and_addresses(self, what: str) -> None:  # example
        assert "app         bookings" in said("owner", what)  # example


@pytest.fixture
def root(tmp_path: Path, settings: Settings) -> Path:
    """As much of the project as `startapp` looks at, to write to."""
    for name in ("config/settings.py", "config/urls.py", "pyproject.toml", "teams.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(f"{ownership.ROOT}/{name}", tmp_path / name)
    (tmp_path / "apps").mkdir()
    settings.BASE_DIR = tmp_path
    return tmp_path


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class TestStartapp:  # of an app that no project has
    TEAM = next(iter(TEAMS))

    @pytest.mark.parametrize(
        ("name", "why"),
        [
            ("Bad-Name", "Try 'bad_name'"),
            ("StockEntries", "Try 'stock_entries'"),
            ("x" * 31, f"Try '{'x' * 30}'"),
            ("7", "Try 'invoices'"),
            ("nones", "Python has a word for it"),
            ("double__under", "Try 'double_under'"),
            ("class", "Python has a word for it.*Try 'class_desk'"),
            ("accounts", "is taken"),
            ("auth", "a package has an app of that name"),
            ("sessions", "a package has an app of that name"),
            ("services", "what a layer of an app is called"),
            ("tests", "what a layer of an app is called"),
            ("calendar", "Python has a module of that name"),
            ("celery", "a package of that name is installed"),
            ("config", "the project has config/ already"),
            ("admin", "what a layer of an app is called"),
        ],
    )
    def test_refuses_a_name_that_cannot_be(self, root: Path, name: str, why: str) -> None:
        before = files_in(root)

        with pytest.raises(CommandError, match=f"{why}.*Nothing was written"):
            said("startapp", name, "--team", self.TEAM)

        assert files_in(root) == before

    def test_refuses_one_that_is_there(self, root: Path) -> None:
        (root / "apps/first_drafts").mkdir()
        (root / "apps/first_drafts/models.py").touch()

        with pytest.raises(CommandError, match="apps/first_drafts is there already"):
            said("startapp", "first_drafts", "--team", self.TEAM)

    def test_refuses_an_unknown_team_and_names_the_known(self, root: Path) -> None:
        with pytest.raises(CommandError, match=r"no team 'nobody'.*one of teams\.toml: "):
            said("startapp", "first_drafts", "--team", "nobody")

    def test_refuses_an_unknown_profile_and_names_the_known(self, root: Path) -> None:
        with pytest.raises(CommandError, match=r"no profile 'full'\. One of: layered, crud"):
            said("startapp", "first_drafts", "--team", self.TEAM, "--profile", "full")

    def test_says_what_to_type_when_nothing_was(self, root: Path) -> None:
        with pytest.raises(CommandError, match=f"make app name=invoices team={self.TEAM}"):
            said("startapp")

    def test_shows_what_it_would_do_and_does_nothing(self, root: Path) -> None:
        before = files_in(root)

        shown = said("startapp", "first_drafts", "--team", self.TEAM, "--dry-run")

        assert "would write   apps/first_drafts/services.py" in shown
        assert '+     "apps.first_drafts",' in shown
        assert files_in(root) == before

    @pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
    def test_leaves_nothing_behind_when_it_is_stopped(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
    ) -> None:
        def stop(**_: object) -> None:
            raise error

        before = files_in(root)
        monkeypatch.setattr(ownership, "write", stop)

        with pytest.raises(CommandError, match="What was written is undone"):
            said("startapp", "first_drafts", "--team", self.TEAM)

        assert files_in(root) == before
        assert not (root / "apps/first_drafts").exists()

    def test_says_which_line_is_gone(self, root: Path) -> None:
        (root / "config/urls.py").write_text("urlpatterns = []\n")

        with pytest.raises(CommandError, match=r"config/urls\.py has no line .* Put it back"):
            said("startapp", "first_drafts", "--team", self.TEAM)

        assert not (root / "apps/first_drafts").exists()

    def test_keeps_a_runbook_that_is_there_and_says_what_is_next(self, root: Path) -> None:
        (root / "docs/runbooks").mkdir(parents=True)
        (root / "docs/runbooks/first_drafts.md").write_text("What we learned.")

        told = said("startapp", "first_drafts", "--team", self.TEAM, "--profile", "crud")

        assert "Next: make setup, which applies its migration, then make check." in told
        assert (root / "docs/runbooks/first_drafts.md").read_text() == "What we learned."
        assert not (root / "apps/first_drafts/services.py").exists()

    @pytest.mark.parametrize(
        ("name", "model"),
        [
            ("invoices", "Invoice"),
            ("stock_entries", "StockEntry"),
            ("billing", "Billing"),
            ("news", "News"),
            ("time_series", "TimeSeries"),
            ("addresses", "Address"),
            ("data", "Data"),
            ("statuses", "Status"),
            ("houses", "House"),
            ("batches", "Batch"),
            ("caches", "Cache"),
        ],
    )
    def test_names_the_model_in_the_singular(self, name: str, model: str) -> None:
        assert startapp.words_for(name)["Model"] == model

    def test_tells_apart_the_indexes_of_long_names(self) -> None:
        one, other = (startapp.words_for(f"{'long_' * 5}name{n}")["index"] for n in (1, 2))

        assert one != other
        assert len(one) <= 30
