"""waivers.toml: what may break a rule for a while."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.library.checks.projects import TODAY, check, make, write
from trellis.checks import waivers
from trellis.checks.rules import Finding

VIEWS = "apps/bookings/views.py"
MODELS_IN_VIEWS = """
    import requests
    from apps.bookings.models import Booking


    def seats(request):
        return Booking.objects.all()


    def ring(request):
        return requests.get("https://bell.example")
"""
GOOD = {
    "rule": '"doors_use_no_models"',
    "path": f'"{VIEWS}"',
    "until": "2027-03-20",
    "reason": '"It moves with issue 41."',
}


def waiver(**changes: str | None) -> str:
    """Return one entry with other values, as they stand in TOML; None leaves a key out."""
    values = {key: value for key, value in (GOOD | changes).items() if value is not None}
    return "\n[[waiver]]\n" + "".join(f"{key} = {value}\n" for key, value in values.items())


def project(root: Path, *entries: str) -> Path:
    return make(
        root,
        {
            VIEWS: MODELS_IN_VIEWS,
            "apps/bookings/tests/test_views.py": "def test_it(): ...\n",
            "waivers.toml": "".join(entries),
        },
    )


def found(root: Path, *, today: date = TODAY) -> list[tuple[str, int, str]]:
    return [(one.path, one.line, one.rule) for one in check(root, today=today)]


MODELS = (VIEWS, 3, "doors_use_no_models")
NETWORK = (VIEWS, 2, "network_stays_in_clients")


class TestWaivers:
    @pytest.mark.parametrize(
        "place",
        [
            {"path": f'"{VIEWS}"'},
            {"path": '"apps/bookings"'},
            {"path": '"./apps/bookings/"'},
            {"path": None, "count": f'{{"{VIEWS}" = 1}}'},
        ],
    )
    def test_excuse_one_rule_in_one_place(
        self, tmp_path: Path, place: dict[str, str | None]
    ) -> None:
        assert found(project(tmp_path)) == [NETWORK, MODELS]

        assert found(project(tmp_path, waiver(**place))) == [NETWORK]

    def test_mean_a_folder_and_not_another_whose_name_begins_like_it(self, tmp_path: Path) -> None:
        root = project(tmp_path, waiver(path='"apps/book"'))

        assert MODELS in found(root)

    def test_end_with_their_day(self, tmp_path: Path) -> None:
        root = project(tmp_path, waiver(until="2027-03-20"))
        last = date(2027, 3, 20)

        assert found(root, today=last) == [NETWORK]
        assert found(root, today=last + timedelta(days=1)) == [
            NETWORK,
            MODELS,
            ("waivers.toml", 2, "waivers_are_valid"),
        ]

    @pytest.mark.parametrize(
        ("until", "announced"),
        [("2027-03-15", 1), ("2027-03-01", 1), ("2027-03-16", 0)],
    )
    def test_are_announced_two_weeks_before_they_end(
        self, tmp_path: Path, until: str, announced: int
    ) -> None:
        notices = waivers.read(project(tmp_path, waiver(until=until)), today=TODAY).notices()

        assert [one.message for one in notices] == announced * [
            f"the waiver for doors_use_no_models ends on {until}. Mend what it excuses."
        ]

    @pytest.mark.parametrize(
        ("entry", "message"),
        [
            (waiver(until="2027-02-28"), "it ended on 2027-02-28. Mend what it excuses, then"),
            (waiver(until="2027-09-01"), "2027-09-01 is more than 180 days away. Write until ="),
            (waiver(until=None), "no day is given on which it ends. Write until = 2027-05-30."),
            (waiver(until='"soon"'), "no day is given on which it ends. Write until ="),
            (waiver(until="2027-03-20T10:00:00"), "no day is given on which it ends."),
            (waiver(reason=None), 'no reason is given. Write reason = "…".'),
            (waiver(reason='" "'), 'no reason is given. Write reason = "…".'),
            (waiver(rule=None), "there is no rule 'None'. Correct the name."),
            (waiver(rule='"doors_use_models"'), "there is no rule 'doors_use_models'. Did you mean"
             " doors_use_no_models? Correct the name."),
            (waiver(rule='"waivers_are_valid"'), "waivers_are_valid cannot be waived."),
            (waiver(path=None), 'it needs a place. Write path = "apps/…".'),
            (waiver(count='{"apps/x.py" = 1}'), 'it needs a place. Write path = "apps/…".'),
            (waiver(path="3"), "path and reason are texts, and count is a table of paths"),
            (waiver(path=None, count="3"), "path and reason are texts, and count is a"),
            (waiver(path=None, count="{x = 0}"), "path and reason are texts, and count"),
            (waiver(where='"seats"'), "a waiver has no key 'where'. Known: rule, path,"),
            (waiver(untill="2027-03-20"), "a waiver has no key 'untill'. Known: rule, path,"),
        ],
    )  # fmt: skip
    def test_have_a_message_for_each_way_to_get_them_wrong(
        self, tmp_path: Path, entry: str, message: str
    ) -> None:
        root = project(tmp_path, waiver(rule='"network_stays_in_clients"'), entry)

        faults = [one for one in check(root) if one.rule == "waivers_are_valid"]

        assert [(one.path, one.line) for one in faults] == [("waivers.toml", 8)]
        assert faults[0].message.startswith(message)
        assert MODELS in found(root)  # a wrong one excuses nothing

    @pytest.mark.parametrize(
        ("text", "line", "message"),
        [
            ("\n[[waiver]\n", 2, "it is not valid TOML"),
            ("[waiver]\nrule = 3\n", 1, "it holds something else than waivers. Begin each one"),
            ("waiver = 3\n", 1, "it holds something else than waivers."),
            ('[[waivers]]\nrule = "x"\n', 1, "it holds something else than waivers."),
            ("\ufffd = 3", 1, "it is not valid TOML"),
        ],
    )
    def test_name_the_line_of_a_file_that_cannot_be_used(
        self, tmp_path: Path, text: str, line: int, message: str
    ) -> None:
        root = make(tmp_path, {"waivers.toml": text})

        (fault,) = check(root)

        assert (fault.line, fault.rule) == (line, "waivers_are_valid")
        assert fault.message.startswith(message)

    def test_are_reported_when_nothing_needs_them(self, tmp_path: Path) -> None:
        root = project(tmp_path, waiver(), waiver(path='"apps/catalog"'))

        assert ("waivers.toml", 8, "waivers_are_used") in found(root)

    def test_for_other_mechanisms_are_theirs_to_judge(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from trellis.checks import rules

        guard = rules.Rule("doors_stay_calm", "guards", "Calm.", "Nothing.")
        monkeypatch.setitem(rules.RULES, guard.name, guard)
        root = project(tmp_path, waiver(), waiver(rule='"doors_stay_calm"'))

        assert found(root) == [NETWORK]
        known = waivers.read(root, today=TODAY)
        assert [one.line for one in known.remaining([], mechanism="guards")] == [8]
        assert known.covers(Finding(VIEWS, 1, "doors_stay_calm", "x"))
        assert known.remaining([], mechanism="guards") == []


class TestCounts:
    def test_excuse_so_many_findings_in_a_file_and_no_more(self, tmp_path: Path) -> None:
        root = project(tmp_path, waiver(path=None, count=f'{{"{VIEWS}" = 1}}'))
        assert found(root) == [NETWORK]

        more = "    from .models import Room\n    def f(): Room.objects\n"
        write(root, VIEWS, MODELS_IN_VIEWS + more)

        rules = [rule for _, _, rule in found(root)]
        assert rules.count("doors_use_no_models") == 2

    def test_have_to_be_counted_down(self, tmp_path: Path) -> None:
        root = project(tmp_path, waiver(path=None, count=f'{{"{VIEWS}" = 3}}'))

        (unused,) = [one for one in check(root) if one.rule == "waivers_are_used"]

        assert unused.message == f"{VIEWS} breaks doors_use_no_models 1 times, not 3. Write 1."
