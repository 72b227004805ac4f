"""Files, folders and owners."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.library.checks import cases, projects
from tests.library.checks.projects import OWNERS, make, places, write
from trellis import ownership

BOOKINGS = "apps/bookings"
OWNERS_FILE = f"{BOOKINGS}/OWNERS.toml"
CODE = "def f() -> None: ...\n"
TEST = "def test_it() -> None: ...\n"


def owners(**changes: str) -> str:
    """Return the OWNERS.toml of bookings with other values, as they stand in TOML."""
    values = {"team": '"platform"', "purpose": '"P"', "runbook": '"README.md"', **changes}
    return "".join(f"{key} = {value}\n" for key, value in values.items())


class TestAppHasAnOwner:
    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ('team = "platform"\n', 1),
            (owners(purpose='""'), 2),
            (owners(colour='"red"'), 4),
            (owners(depends_on="3"), 4),
            ("team = [\n", 1),
        ],
    )
    def test_names_what_cannot_be_used(self, tmp_path: Path, text: str, line: int) -> None:
        root = make(tmp_path, {OWNERS_FILE: text})

        assert places(root, "app_has_an_owner") == {f"{OWNERS_FILE}:{line}"}

    @pytest.mark.parametrize("path", ["apps/new/__init__.py", "apps/new/services.py"])
    def test_names_an_app_without_the_file(self, tmp_path: Path, path: str) -> None:
        root = make(tmp_path, {path: CODE})

        assert places(root, "app_has_an_owner") == {"apps/new/OWNERS.toml:1"}

    @pytest.mark.parametrize("path", ["apps/gone/__pycache__/models.pyc", "apps/notes.md"])
    def test_takes_no_leftover_for_an_app(self, tmp_path: Path, path: str) -> None:
        assert projects.check(make(tmp_path, {path: "x"})) == []

    def test_reports_a_file_that_cannot_be_read_once(self, tmp_path: Path) -> None:
        root = make(tmp_path, {OWNERS_FILE: "team = [\n", f"{BOOKINGS}/types.py": "import apps\n"})

        (found,) = projects.check(root)

        assert found.rule == "app_has_an_owner"


class TestOwnerIsAKnownTeam:
    @pytest.mark.parametrize("team", ['"nobody"', '"Platform"', '"platform "'])
    def test_names_a_team_that_teams_toml_does_not_have(self, tmp_path: Path, team: str) -> None:
        root = make(tmp_path, {OWNERS_FILE: owners(team=team)})

        assert places(root, "owner_is_a_known_team") == {f"{OWNERS_FILE}:1"}

    @pytest.mark.parametrize("text", ["", "[platform]\n", "[platform"])
    def test_names_a_teams_toml_that_cannot_be_used(self, tmp_path: Path, text: str) -> None:
        root = make(tmp_path, {"teams.toml": text})

        assert places(root, "owner_is_a_known_team") == {"teams.toml:1"}

    def test_takes_every_team_of_the_file(self, tmp_path: Path) -> None:
        teams = '[platform]\ncontact = "#p"\n[night]\ncontact = "#n"\n'
        root = make(tmp_path, {"teams.toml": teams, OWNERS_FILE: owners(team='"night"')})

        assert places(root, "owner_is_a_known_team") == set()


class TestRunbookExists:
    @pytest.mark.parametrize("runbook", ["docs/none.md", "apps", "README.txt"])
    def test_names_one_that_is_no_file(self, tmp_path: Path, runbook: str) -> None:
        root = make(tmp_path, {OWNERS_FILE: owners(runbook=f'"{runbook}"')})

        assert places(root, "runbook_exists") == {f"{OWNERS_FILE}:3"}

    @pytest.mark.parametrize("runbook", ["README.md", "docs/runbooks/bookings.md"])
    def test_takes_any_file_of_the_project(self, tmp_path: Path, runbook: str) -> None:
        root = make(tmp_path, {runbook: "# Help", OWNERS_FILE: owners(runbook=f'"{runbook}"')})

        assert places(root, "runbook_exists") == set()


class TestCodeownersAreCurrent:
    @pytest.mark.parametrize("text", ["* @me\n", "", "\ufffd"])
    def test_names_a_file_that_says_something_else(self, tmp_path: Path, text: str) -> None:
        root = make(tmp_path, {ownership.CODEOWNERS: text})

        assert places(root, "codeowners_are_current") == {f"{ownership.CODEOWNERS}:1"}

    @pytest.mark.parametrize("remove", [Path.unlink, lambda path: (path.unlink(), path.mkdir())])
    def test_names_one_that_is_not_there(
        self, tmp_path: Path, remove: Callable[[Path], object]
    ) -> None:
        root = make(tmp_path)
        remove(root / ownership.CODEOWNERS)

        assert places(root, "codeowners_are_current") == {f"{ownership.CODEOWNERS}:1"}

    def test_takes_line_ends_of_windows(self, tmp_path: Path) -> None:
        root = make(tmp_path)
        path = root / ownership.CODEOWNERS
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

        assert places(root, "codeowners_are_current") == set()

    def test_adds_nothing_where_an_owners_file_cannot_be_read(self, tmp_path: Path) -> None:
        root = make(tmp_path, {OWNERS_FILE: "team = [\n", ownership.CODEOWNERS: "* @me\n"})

        assert places(root, "codeowners_are_current") == set()


class TestModuleHasAHome:
    @pytest.mark.parametrize(
        "path",
        [
            f"{BOOKINGS}/pricing.py",
            f"{BOOKINGS}/logic/rules.py",
            f"{BOOKINGS}/services/utils.py",
            f"{BOOKINGS}/selectors/common.py",
            "apps/utils.py",
        ],
    )
    def test_names_a_module_without_one(self, tmp_path: Path, path: str) -> None:
        root = make(tmp_path, {path: CODE})

        assert places(root, "module_has_a_home") == {f"{path}:1"}

    @pytest.mark.parametrize("path", ["apps/__init__.py", f"{BOOKINGS}/__init__.py"])
    def test_names_a_package_whose_init_holds_code(self, tmp_path: Path, path: str) -> None:
        assert places(make(tmp_path, {path: CODE}), "module_has_a_home") == {f"{path}:1"}
        assert places(make(tmp_path, {path: '"""Seats."""'}), "module_has_a_home") == set()

    def test_names_a_module_that_a_package_hides(self, tmp_path: Path) -> None:
        files = {f"{BOOKINGS}/forms.py": CODE, f"{BOOKINGS}/forms/__init__.py": ""}

        assert places(make(tmp_path, files), "module_has_a_home") == {f"{BOOKINGS}/forms.py:1"}

    def test_takes_a_name_of_the_projects_own(self, tmp_path: Path) -> None:
        settings = '[tool.trellis]\nextra_modules = { serializers = "forms" }\n'
        files = {"pyproject.toml": settings, f"{BOOKINGS}/serializers.py": CODE}

        assert places(make(tmp_path, files), "module_has_a_home") == set()

    @pytest.mark.parametrize(
        "name", ["services/pricing", "models/managers", "templatetags/seats", "views/__init__"]
    )
    def test_takes_any_telling_name_inside_a_layer(self, tmp_path: Path, name: str) -> None:
        assert places(make(tmp_path, {f"{BOOKINGS}/{name}.py": CODE}), "module_has_a_home") == set()


class TestLayerHasTests:
    @pytest.mark.parametrize("layer", ["services", "views", "tasks", "clients"])
    @pytest.mark.parametrize("text", [None, "# later\n", "def helper(): ...\n"])
    def test_names_a_layer_without_any(self, tmp_path: Path, layer: str, text: str | None) -> None:
        root = make(tmp_path, {f"{BOOKINGS}/{layer}.py": CODE})
        if text is not None:
            write(root, f"{BOOKINGS}/tests/test_{layer}.py", text)

        assert places(root, "layer_has_tests") == {f"{BOOKINGS}/{layer}.py:1"}

    @pytest.mark.parametrize(
        "path",
        [
            "tests/test_services.py",
            "tests/test_services_seats.py",
            "tests/services/test_seats.py",
            "tests/test_services/test_seats.py",
            "services/tests/test_seats.py",
            "services/test_seats.py",
        ],
    )
    def test_takes_a_test_in_any_usual_place(self, tmp_path: Path, path: str) -> None:
        files = {f"{BOOKINGS}/services/seats.py": CODE, f"{BOOKINGS}/{path}": TEST}

        assert places(make(tmp_path, files), "layer_has_tests") == set()

    @pytest.mark.parametrize("path", ["caches.py", "middleware.py", "types.py", "constants.py"])
    def test_asks_nothing_of_what_others_test(self, tmp_path: Path, path: str) -> None:
        root = make(
            tmp_path, {f"{BOOKINGS}/{path}": CODE, f"{BOOKINGS}/services.py": '"""Soon."""'}
        )

        assert places(root, "layer_has_tests") == set()


class TestDependencies:
    def test_name_an_app_that_is_none(self, tmp_path: Path) -> None:
        root = make(tmp_path, {OWNERS_FILE: owners(depends_on='["accounts", "katalog"]')})

        assert places(root, "dependencies_are_declared") == {f"{OWNERS_FILE}:4"}

    @pytest.mark.parametrize(
        ("app", "depends_on", "named"),
        [
            ("catalog", '["bookings"]', {"bookings", "catalog"}),
            ("accounts", '["insights", "accounts"]', {"accounts"}),
            ("accounts", '["bookings"]', {"accounts", "bookings"}),
        ],
    )
    def test_have_no_cycle(
        self, tmp_path: Path, app: str, depends_on: str, named: set[str]
    ) -> None:
        root = make(tmp_path, {f"apps/{app}/OWNERS.toml": OWNERS.format(depends_on=depends_on)})

        (place,) = places(root, "dependencies_have_no_cycle")

        assert place in {f"apps/{name}/OWNERS.toml:4" for name in named}

    @pytest.mark.parametrize("depends_on", ['["bookings", "catalog", "accounts"]', "[]"])
    def test_may_meet_in_one_app(self, tmp_path: Path, depends_on: str) -> None:
        root = make(tmp_path, {"apps/insights/OWNERS.toml": OWNERS.format(depends_on=depends_on)})

        assert places(root, "dependencies_have_no_cycle") == set()


class TestOrdinaryModules:
    """An app of Django's ordinary modules is clean."""

    def test_are_clean(self, tmp_path: Path) -> None:
        files = cases.files("ordinary_app.txt")
        tested = ("admin", "forms", "management", "selectors", "services", "templatetags", "views")
        tests = {f"tests/test_{layer}.py": TEST for layer in tested}
        app = {f"apps/seats/{path}": text for path, text in (files | tests).items()}
        root = make(
            tmp_path,
            {"apps/seats/__init__.py": "", "apps/seats/OWNERS.toml": owners(), **app},
        )
        ownership.write(root=root)

        assert projects.check(root) == []
