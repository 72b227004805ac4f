"""`trellis check --baseline`: how a project with many findings begins."""

import tomllib
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.library.checks.projects import TODAY, check, make, write
from trellis.checks import baseline

VIEW = "from apps.bookings.models import Booking\ndef f(): Booking.objects\n"
OLD = {
    "apps/bookings/views/one.py": VIEW,
    "apps/bookings/views/two.py": VIEW
    + "from apps.bookings.models import Room\ndef g(): Room.objects\n",
    "apps/bookings/views/__init__.py": "",
    "apps/insights/views.py": VIEW + "import requests\nrequests.get\n",
    'apps/insights/odd "name".py': "",
    ".github/CODEOWNERS": "* @me\n",
}
BY_HAND = """\
# Ours

[[waiver]]
rule = "network_stays_in_clients"
path = "apps/insights"
until = 2027-03-20
reason = "It moves."
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project that breaks several rules, with one waiver written by hand."""
    return make(tmp_path, OLD | {"waivers.toml": BY_HAND})


class TestBaseline:
    def test_leaves_the_check_clean(self, root: Path) -> None:
        assert len(check(root)) > 5

        number = baseline.write(root=root, today=TODAY)

        assert check(root) == []
        assert len(tomllib.loads((root / "waivers.toml").read_text())["waiver"]) == number + 1

    def test_keeps_what_was_written_by_hand(self, root: Path) -> None:
        baseline.write(root=root, today=TODAY)

        assert (root / "waivers.toml").read_text().startswith(BY_HAND)

    def test_is_one_waiver_for_each_rule_and_app(self, root: Path) -> None:
        baseline.write(root=root, today=TODAY)

        entries = tomllib.loads((root / "waivers.toml").read_text())["waiver"]
        (one,) = (
            entry["count"]
            for entry in entries
            if entry["rule"] == "doors_use_no_models"
            and "apps/bookings/views/one.py" in entry["count"]
        )
        assert one == {"apps/bookings/views/one.py": 1, "apps/bookings/views/two.py": 2}

    @pytest.mark.parametrize("path", ["apps/bookings/views/one.py", "apps/bookings/views/new.py"])
    def test_lets_one_more_violation_be_found(self, root: Path, path: str) -> None:
        baseline.write(root=root, today=TODAY)

        write(root, path, OLD.get(path, "") + VIEW.replace("Booking", "Seat"))

        found = check(root)
        assert {(one.path, one.rule) for one in found} == {(path, "doors_use_no_models")}

    def test_shrinks_when_it_is_written_again_and_puts_no_end_off(self, root: Path) -> None:
        baseline.write(root=root, today=TODAY)
        write(root, "apps/bookings/views/two.py", VIEW)
        later = TODAY + timedelta(days=30)
        assert [one.rule for one in check(root, today=date(2027, 3, 2))] == ["waivers_are_used"]
        (root / "waivers.toml").write_text(
            (root / "waivers.toml").read_text().replace(BY_HAND, "").lstrip()
        )

        baseline.write(root=root, today=later)

        assert check(root, today=later) == []
        ends = {
            (entry["rule"], min(entry["count"])): entry["until"]
            for entry in tomllib.loads((root / "waivers.toml").read_text())["waiver"]
        }
        assert ends["doors_use_no_models", "apps/bookings/views/one.py"] == date(2027, 8, 28)
        assert ends["network_stays_in_clients", "apps/insights/views.py"] == date(2027, 9, 27)

    def test_of_a_clean_project_is_empty(self, tmp_path: Path) -> None:
        assert baseline.write(root=make(tmp_path), today=TODAY) == 0
