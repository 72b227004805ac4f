from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from conventions.management.commands import startapp


def said(*command: str) -> str:
    out = StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


class TestOwner:
    @pytest.mark.parametrize("what", ["apps/accounts/models.py", "/admin/login/"])
    def test_is_told_for_what_an_app_owns_and_refused_for_the_rest(self, what: str) -> None:
        if what.startswith("apps"):
            assert "runbook  docs/runbooks/accounts.md" in said("owner", what)
        else:
            with pytest.raises(CommandError, match="belongs to no app"):
                said("owner", what)

    @pytest.mark.parametrize("what", ["bookings.send_confirmation", "/bookings/"])  # example
    def test_is_told_for_tasks_and_addresses(self, what: str) -> None:  # example
        assert "app      bookings" in said("owner", what)  # example


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
