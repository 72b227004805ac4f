from pathlib import Path

import pytest

from trellis import ownership

SOUND = """
team = "platform"
purpose = "Knows who people are"
lifecycle = "production"
runbook = "docs/runbooks/accounts.md"
depends_on = []
"""
TEAMS = '[platform]\ncontact = "#platform"\n\n[curators]\ncontact = "art@example.com"\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project of one app that says whose it is, and two teams."""
    (tmp_path / "apps/accounts").mkdir(parents=True)
    (tmp_path / "apps/accounts/OWNERS.toml").write_text(SOUND)
    (tmp_path / "teams.toml").write_text(TEAMS)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "desk"\n')
    return tmp_path


class TestReadOwners:
    @pytest.mark.parametrize(
        ("old", "new", "line", "why"),
        [
            ('team = "platform"\n', "", 1, 'no team. Add team = "…"'),
            ('"platform"', "7", 2, "no team"),
            ('"Knows who people are"', '"  "', 3, "no purpose"),
            ('"production"', '"done"', 4, "lifecycle cannot be 'done'. One of: experimental"),
            ("depends_on = []", "depends_on = [7]", 6, 'Write depends_on = ["accounts"]'),
            ("depends_on = []", "colour = 1", 6, "no use for 'colour'. Known: team"),
            ("depends_on = []", "depends_on = [", 6, "not valid TOML"),
            ("Knows", "\udcff", 3, "not UTF-8"),
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

    def test_says_what_to_do_where_there_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(ownership.Malformed, match=r"does not exist\. Copy another app's"):
            ownership.read_owners(tmp_path / "OWNERS.toml")


class TestReadTeams:
    @pytest.mark.parametrize(
        ("text", "line", "why"),
        [
            ("", 1, "names no team. Add [platform]"),
            (TEAMS + "[lonely]\n", 6, "'lonely' has no contact"),
            (TEAMS + '[lonely]\ncontact = " "\n', 6, "'lonely' has no contact"),
            (TEAMS + 'phone = "1"\n', 6, "no use for 'phone'. Known: contact"),
            (TEAMS + "escalation = 7\n", 6, "escalation of 'curators' is no line of text"),
            (TEAMS + 'github = "@a\\n* @b"\n', 6, "no line of text"),
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


class TestDerived:
    def test_asks_the_first_team_about_what_no_app_has(self, root: Path) -> None:
        (root / "teams.toml").write_text(TEAMS.replace("#platform", "desk@example.com"))

        lines = ownership.derived(root=root)[".github/CODEOWNERS"].splitlines()

        assert lines[1:] == ["* desk@example.com", "/apps/accounts/ desk@example.com"]

    def test_prefers_a_team_on_github_and_says_where_one_is_missing(self, root: Path) -> None:
        before = ownership.derived(root=root)[".github/CODEOWNERS"]
        assert "# /apps/accounts/ is platform's: give it a `github`" in before

        (root / "teams.toml").write_text('[platform]\ncontact = "#a"\ngithub = "@desk/all"\n')

        assert "/apps/accounts/ @desk/all\n" in ownership.derived(root=root)[".github/CODEOWNERS"]

    def test_describes_each_app_to_backstage(self, root: Path) -> None:
        owners = root / "apps/accounts/OWNERS.toml"
        owners.write_text(SOUND.replace("[]", '["catalog"]'))

        catalog = ownership.derived(root=root)["catalog-info.yaml"]

        assert 'owner: "group:default/platform"' in catalog
        assert 'dependsOn:\n    - "component:desk/catalog"' in catalog

    def test_is_nothing_while_a_team_is_unknown(self, root: Path) -> None:
        path = root / "apps/accounts/OWNERS.toml"
        path.write_text(SOUND.replace("platform", "platfrom"))

        with pytest.raises(ownership.Malformed, match="no team 'platfrom' in") as unknown:
            ownership.derived(root=root)

        assert unknown.value.line == 2

    @pytest.mark.parametrize(
        "path",
        [
            "__pycache__/__init__.cpython-313.pyc",
            ".idea/workspace.xml",
            "README.md",
            "gone/__pycache__/models.cpython-313.pyc",
            "gone/.ipynb_checkpoints/models.py",
        ],
    )
    def test_leaves_out_what_is_no_app(self, root: Path, path: str) -> None:
        before = ownership.derived(root=root)
        (root / "apps" / path).parent.mkdir(parents=True, exist_ok=True)
        (root / "apps" / path).touch()

        assert ownership.derived(root=root) == before


class TestTeamOfTheHouse:
    def test_is_silent_about_a_file_that_cannot_be_understood(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (root / "teams.toml").write_text("[")
        monkeypatch.setattr(ownership, "ROOT", root)
        ownership.team_of_the_house.cache_clear()

        assert ownership.team_of_the_house() == ""
        ownership.team_of_the_house.cache_clear()


class TestRunbookOfTask:
    @pytest.mark.parametrize("name", [".x", "", "gone.x", "tests.fragile"])
    def test_is_the_one_about_tasks_where_no_app_has_it(self, name: str) -> None:
        assert ownership.runbook_of_task(name=name) == "docs/runbooks/tasks.md"


class TestTeamOfModule:
    def test_is_silent_about_a_file_that_cannot_be_understood(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (root / "apps/accounts/OWNERS.toml").write_text("team = [")
        monkeypatch.setattr(ownership, "ROOT", root)
        ownership.team_of_module.cache_clear()

        assert ownership.team_of_module(module="apps.accounts.services") == ""
        ownership.team_of_module.cache_clear()


class TestOwnerOf:
    def test_tells_whom_to_call_when_nobody_answers(self, root: Path) -> None:
        (root / "teams.toml").write_text(TEAMS.replace('form"\n', 'form"\nescalation = "911"\n'))

        assert ownership.owner_of(app="accounts", root=root).escalation == "911"
        assert ownership.owner_of(app="", root=root).team == "platform"
