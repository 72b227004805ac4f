from io import StringIO

import pytest
from django.core.management import CommandError, call_command


def owner(what: str) -> str:
    out = StringIO()
    call_command("owner", what, stdout=out)
    return out.getvalue()


class TestOwner:
    @pytest.mark.parametrize("what", ["accounts", "apps/accounts", "apps/accounts/models.py"])
    def test_is_the_team_of_the_app(self, what: str) -> None:
        assert owner(what).startswith("app         accounts\nteam        platform\n")
        assert "runbook     docs/runbooks/accounts.md" in owner(what)

    def test_is_found_by_the_name_of_a_task(self) -> None:
        assert owner("accounts.greet").startswith("app         accounts")

    @pytest.mark.parametrize(
        "what", ["config", "apps", "apps/__init__.py", ".", "trellis.clean_up"]
    )
    def test_is_the_first_team_for_what_belongs_to_no_app(self, what: str) -> None:
        assert owner(what).startswith("app         none")
        assert "team        platform\n" in owner(what)

    @pytest.mark.parametrize("what", ["apps/nobody/models.py", "../", "/nowhere/", "a.task"])
    def test_is_refused_for_what_does_not_exist(self, what: str) -> None:
        with pytest.raises(CommandError, match="no app, no file of the project and no task"):
            owner(what)
