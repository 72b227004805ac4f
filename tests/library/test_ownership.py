import subprocess
import sys
from pathlib import Path

import pytest
from pytest_django import Settings

from trellis import ownership

SOUND = """
team = "platform"
purpose = "Stores who people are"
runbook = "docs/runbooks/accounts.md"
depends_on = []
"""
TEAMS = '[platform]\ncontact = "#platform"\n\n[curators]\ncontact = "art@example.com"\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with one app and two teams."""
    (tmp_path / "apps/accounts").mkdir(parents=True)
    (tmp_path / "apps/accounts/OWNERS.toml").write_text(SOUND)
    (tmp_path / "apps/accounts/models.py").touch()
    (tmp_path / "teams.toml").write_text(TEAMS)
    return tmp_path


class TestReadOwners:
    @pytest.mark.parametrize(
        ("old", "new", "line", "why"),
        [
            ('team = "platform"\n', "", 1, 'no team. Add team = "…"'),
            ('"platform"', "7", 2, "no team"),
            ('"Stores who people are"', '"  "', 3, "no purpose"),
            ("depends_on = []", "depends_on = [7]", 5, 'Write depends_on = ["accounts"]'),
            ("depends_on = []", "colour = 1", 5, "unknown key 'colour'. Known: team"),
            ("depends_on = []", "depends_on = [", 5, "not valid TOML"),
            ("Stores", "\udcff", 3, "not UTF-8"),
        ],
    )
    def test_names_the_line_and_the_fix(
        self, root: Path, old: str, new: str, line: int, why: str
    ) -> None:
        path = root / "apps/accounts/OWNERS.toml"
        path.write_bytes(SOUND.replace(old, new).encode(errors="surrogateescape"))

        with pytest.raises(ownership.Malformed) as malformed:
            ownership.read_owners(path)

        assert malformed.value.line == line
        assert why in malformed.value.message

    def test_says_what_to_do_when_it_is_missing(self, tmp_path: Path) -> None:
        with pytest.raises(ownership.Malformed, match=r"does not exist\. Copy another app's"):
            ownership.read_owners(tmp_path / "OWNERS.toml")


class TestReadTeams:
    @pytest.mark.parametrize(
        ("text", "line", "why"),
        [
            ("", 1, "has no team. Add [platform]"),
            (TEAMS + "[lonely]\n", 6, "'lonely' has no contact"),
            (TEAMS + '[lonely]\ncontact = " "\n', 6, "'lonely' has no contact"),
            (TEAMS + 'phone = "1"\n', 6, "unknown key 'phone'. Known: contact"),
            (TEAMS + "escalation = 7\n", 6, "escalation of 'curators' is not a line of text"),
            (TEAMS + 'github = "@a\\n* @b"\n', 6, "not a line of text"),
            (TEAMS + 'github = "curators"\n', 6, "Write @org/team or @person"),
            (TEAMS + '["the best"]\ncontact = "#best"\n', 1, "cannot be called 'the best'"),
            ("lonely = 7\n", 1, "'lonely' has no contact"),
        ],
    )
    def test_names_the_line_and_the_fix(self, root: Path, text: str, line: int, why: str) -> None:
        (root / "teams.toml").write_text(text)

        with pytest.raises(ownership.Malformed) as malformed:
            ownership.read_teams(root / "teams.toml")

        assert malformed.value.line == line
        assert why in malformed.value.message


class TestCodeowners:
    def test_gives_the_default_team_what_belongs_to_no_app(self, root: Path) -> None:
        (root / "teams.toml").write_text(TEAMS.replace("#platform", "desk@example.com"))

        lines = ownership.codeowners(root=root).splitlines()

        assert lines[1:] == ["* desk@example.com", "/apps/accounts/ desk@example.com"]

    def test_prefers_a_team_on_github_and_tells_which_team_has_none(self, root: Path) -> None:
        before = ownership.codeowners(root=root)
        assert "# /apps/accounts/ belongs to platform: give the team a `github`" in before

        (root / "teams.toml").write_text('[platform]\ncontact = "#a"\ngithub = "@desk/all"\n')

        assert "/apps/accounts/ @desk/all\n" in ownership.codeowners(root=root)

    def test_names_a_team_that_does_not_exist(self, root: Path) -> None:
        path = root / "apps/accounts/OWNERS.toml"
        path.write_text(SOUND.replace("platform", "platfrom"))

        with pytest.raises(ownership.Malformed, match="no team 'platfrom' in") as unknown:
            ownership.codeowners(root=root)

        assert unknown.value.line == 2

    @pytest.mark.parametrize("path", ["README.md", "gone/__pycache__/models.cpython-313.pyc"])
    def test_ignores_what_is_not_an_app(self, root: Path, path: str) -> None:
        before = ownership.codeowners(root=root)
        (root / "apps" / path).parent.mkdir(parents=True, exist_ok=True)
        (root / "apps" / path).touch()

        assert ownership.codeowners(root=root) == before


class TestWrite:
    def test_changes_nothing_while_an_owner_cannot_be_read(self, root: Path) -> None:
        ownership.write(root=root)
        before = (root / ownership.CODEOWNERS).read_bytes()
        (root / "apps/accounts/OWNERS.toml").write_text('team = "platform"\ncolour = [')

        with pytest.raises(ownership.Malformed):
            ownership.write(root=root)

        assert (root / ownership.CODEOWNERS).read_bytes() == before


class TestOwnerOf:
    def test_has_the_contact_the_escalation_and_the_runbook(self, root: Path) -> None:
        (root / "teams.toml").write_text(TEAMS.replace('form"\n', 'form"\nescalation = "911"\n'))

        assert ownership.owner_of(app="accounts", root=root) == ownership.Owner(
            "accounts", "platform", "#platform", "911", "docs/runbooks/accounts.md"
        )
        assert ownership.owner_of(app="", root=root).team == "platform"


class TestRunningProject:
    def test_has_a_team_for_a_module_and_one_for_the_rest(
        self, root: Path, settings: Settings
    ) -> None:
        settings.BASE_DIR = root

        assert ownership.team_of_module(module="apps.accounts.services") == "platform"
        assert ownership.team_of_module(module="django.core") == ""
        assert ownership.team_of_module(module="apps") == ""
        assert ownership.default_team() == "platform"

    @pytest.mark.parametrize("path", ["teams.toml", "apps/accounts/OWNERS.toml"])
    def test_loses_no_log_line_over_a_file_that_cannot_be_read(
        self, root: Path, settings: Settings, path: str
    ) -> None:
        settings.BASE_DIR = root
        (root / path).write_text("team = [")

        assert ownership.team_of_module(module="apps.accounts.services") == ""
        assert ownership.default_team() == ("" if path == "teams.toml" else "platform")

    @pytest.mark.parametrize("name", [".x", "", "gone.x", "tests.fragile"])
    def test_has_a_runbook_for_the_tasks_of_no_app(self, name: str) -> None:
        assert ownership.runbook_of_task(name=name) == "docs/runbooks/tasks.md"

    def test_has_no_team_yet_while_its_settings_are_loading(self) -> None:
        ask = "from trellis import ownership as o; print([o.team_of_module(module='apps.x.y'),"
        ask += " o.default_team(), o.runbook_of_task(name='x.y')])"

        done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True)

        assert done.stdout == "['', '', 'docs/runbooks/tasks.md']\n", done.stderr


class TestModule:
    def test_needs_only_the_standard_library(self) -> None:
        done = subprocess.run(
            [sys.executable, "-S", "-c", "import trellis.ownership, trellis.checks"],
            env={"PYTHONPATH": str(Path(ownership.__file__).parents[1])},
            capture_output=True,
            text=True,
        )

        assert done.returncode == 0, done.stderr
