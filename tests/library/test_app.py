import shutil
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from trellis import ownership
from trellis.commands import app

SAMPLE = Path(__file__).parent / "sample"
PROJECT = next(path for path in Path(__file__).parents[2].glob("{{*"))


@pytest.fixture
def root(tmp_path: Path, settings: Settings) -> Path:
    """As much of a project as `startapp` reads, to write to."""
    for folder in ("apps", "config", "tests"):
        (tmp_path / folder).mkdir()
    for _, path, marker, _ in app.PLACES:
        with (tmp_path / path).open("a") as file:
            file.write(f"{marker}\n")
    with (tmp_path / "config/urls.py").open("a") as file:
        file.write('    path("reports/", reports),\n')
    shutil.copy(SAMPLE / "teams.toml", tmp_path)
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    settings.BASE_DIR = tmp_path
    return tmp_path


def startapp(*arguments: str, team: str = "platform") -> str:
    out = StringIO()
    call_command("startapp", *arguments, "--team", team, stdout=out)
    return out.getvalue()


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class TestStartapp:
    def test_writes_what_a_first_feature_needs(self, root: Path) -> None:
        listed = startapp("invoices", "--model", "Invoice")

        modules = {path.stem for path in (root / "apps/invoices").glob("*.py")}
        assert modules == {
            *("__init__", "apps", "models", "selectors", "services", "types", "urls", "views")
        }
        assert "def add_invoice(" in (root / "apps/invoices/services.py").read_text()
        assert '    "apps.invoices",' in (root / "config/settings.py").read_text().splitlines()
        assert 'include("apps.invoices.urls")' in (root / "config/urls.py").read_text()
        assert "api.add_router" not in (root / "config/urls.py").read_text()
        assert '"invoices/": "GET signed in",' in (root / "tests/test_project.py").read_text()
        assert "apps/invoices/services.py\n" in listed
        assert "Next: make setup" in listed
        assert "Its page is /invoices/" in listed

    def test_names_the_model_like_the_app_by_default(self, root: Path) -> None:
        startapp("stock_entries")

        assert "class StockEntries(" in (root / "apps/stock_entries/models.py").read_text()

    @pytest.mark.parametrize("layer", app.OPTIONAL)
    def test_writes_a_layer_that_was_chosen_and_no_other(self, root: Path, layer: str) -> None:
        startapp("invoices", "--with", layer)

        modules = {path.stem for path in (root / "apps/invoices").glob("*.py")}
        needed = {app.NEEDS[layer]} if layer in app.NEEDS else set()
        assert modules & {*app.OPTIONAL} == {layer} | needed

    def test_shows_in_a_form_what_the_service_refuses(self, root: Path) -> None:
        startapp("invoices", "--with", "forms")

        assert "with web.refusals_in(form):" in (root / "apps/invoices/views.py").read_text()

    def test_names_a_task_after_the_app(self, root: Path) -> None:
        startapp("invoices", "--model", "Bill", "--with", "tasks")

        assert 'name="invoices.confirm_bill",' in (root / "apps/invoices/tasks.py").read_text()

    def test_adds_the_address_of_an_api(self, root: Path) -> None:
        startapp("stock_entries", "--with", "api, admin")

        line = 'api.add_router("/stock-entries", "apps.stock_entries.api.router")'
        assert line in (root / "config/urls.py").read_text()
        access = (root / "tests/test_project.py").read_text()
        assert '"api/stock-entries": "GET POST signed in",' in access

    def test_keeps_a_runbook_that_exists(self, root: Path) -> None:
        (root / "docs/runbooks").mkdir(parents=True)
        (root / "docs/runbooks/invoices.md").write_text("What we learned.")

        startapp("invoices")

        assert (root / "docs/runbooks/invoices.md").read_text() == "What we learned."

    def test_writes_into_the_folder_of_an_app_that_git_removed(self, root: Path) -> None:
        (root / "apps/invoices/__pycache__").mkdir(parents=True)
        (root / "apps/invoices/__pycache__/models.cpython-313.pyc").touch()

        startapp("invoices")

        assert (root / "apps/invoices/models.py").exists()


class TestRefusal:
    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("Bad-Name", "Try 'bad_name'"),
            ("StockEntries", "Try 'stock_entries'"),
            ("x" * 24, f"Try '{'x' * 23}'"),
            ("7", "Try 'invoices'"),
            ("double__under", "Try 'double_under'"),
            ("class", "a word of Python.*Try 'class_desk'"),
            ("accounts", "has an app of that name.*Try 'accounts_desk'"),
            ("sessions", "has an app of that name"),
            ("services", "the name of a layer"),
            ("tests", "the name of a layer"),
            ("calendar", "Python has a module of that name"),
            ("celery", "a package of that name is installed"),
            ("config", "the project has a folder config/"),
            ("reports", "the address /reports/ is used"),
        ],
    )
    def test_names_the_reason_and_a_name_that_works(
        self, root: Path, name: str, reason: str
    ) -> None:
        before = files_in(root)

        with pytest.raises(CommandError, match=f"{reason}.*Nothing was written"):
            startapp(name)

        assert files_in(root) == before

    def test_keeps_an_app_that_exists(self, root: Path) -> None:
        (root / "apps/drafts").mkdir()
        (root / "apps/drafts/models.py").touch()

        with pytest.raises(CommandError, match="there is an app apps/drafts"):
            startapp("drafts")

    def test_names_the_known_teams(self, root: Path) -> None:
        with pytest.raises(CommandError, match=r"no team 'nobody'.*one of teams\.toml: platform"):
            startapp("drafts", team="nobody")

    def test_shows_a_whole_command_when_there_is_no_name(self, root: Path) -> None:
        with pytest.raises(CommandError, match="make app name=invoices team=platform"):
            startapp()

    @pytest.mark.parametrize("model", ["invoice", "In-Voice", "None", "X" * 41])
    def test_explains_what_a_model_is_called(self, root: Path, model: str) -> None:
        with pytest.raises(CommandError, match=f"cannot be called '{model}'.*'Invoice'"):
            startapp("drafts", "--model", model)

    def test_names_the_known_layers(self, root: Path) -> None:
        with pytest.raises(CommandError, match=r"no layer 'utils'.*admin,api,caches"):
            startapp("drafts", "--with", "api,utils")

    def test_names_the_marker_that_is_missing(self, root: Path) -> None:
        (root / "config/urls.py").write_text("urlpatterns = []\n")

        with pytest.raises(CommandError, match=r"config/urls\.py has no line .* Put it back"):
            startapp("drafts")

        assert not (root / "apps/drafts").exists()

    @pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
    def test_leaves_nothing_behind_when_writing_fails(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
    ) -> None:
        def fail(**_: object) -> None:
            raise error

        before = files_in(root)
        monkeypatch.setattr(ownership, "write", fail)

        with pytest.raises(CommandError, match="What was written is removed"):
            startapp("drafts")

        assert files_in(root) == before
        assert not (root / "apps/drafts").exists()
