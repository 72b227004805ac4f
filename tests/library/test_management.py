from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from trellis import ownership

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
