from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from conventions import ownership
from conventions.management.commands import startapp

TEAMS = ownership.read_teams(ownership.ROOT / "teams.toml")


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

    @pytest.mark.parametrize("what", ["manage.py", "apps", "apps/__init__.py", "/", "/api/docs"])
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


class TestTasks:
    def test_are_listed_with_their_owner(self) -> None:
        assert said("tasks").startswith("TASK")


class TestStartapp:
    @pytest.mark.parametrize(
        ("name", "why"),
        [
            ("Bad-Name", "Try 'bad_name'"),
            ("class", "is taken"),
            ("accounts", "is taken"),
            ("auth", "is taken"),
            ("conventions", "is taken"),
        ],
    )
    def test_refuses_a_name_that_cannot_be(self, name: str, why: str) -> None:
        with pytest.raises(CommandError, match=f"{why}.*Nothing was written"):
            said("startapp", name, "--team", "nobody")

    def test_refuses_an_unknown_team_and_names_the_known(self) -> None:
        with pytest.raises(CommandError, match=r"no team 'nobody'.*one of teams\.toml: "):
            said("startapp", "things_nobody_owns", "--team", "nobody")

    @pytest.mark.parametrize(
        ("name", "model"),
        [("invoices", "Invoice"), ("stock_entries", "StockEntry"), ("billing", "Billing")],
    )
    def test_names_the_model_in_the_singular(self, name: str, model: str) -> None:
        assert startapp.words_for(name)["Model"] == model
