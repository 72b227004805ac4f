"""Each rule of the layout check: named with its place when broken, silent when it is not."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from tests.template.generating import FOLDER, ROOT
from tests.template.layout_cases import (
    ADMIN,
    CASES,
    FORMS,
    MODEL,
    OWNERS,
    TODAY,
    TOMORROW,
    VIEWS,
    Case,
    as_bytes,
    waiver,
)

sys.path.append(str(ROOT / FOLDER))  # last: `tests` there are others than ours

import trellis.commands.cli as conventions
from trellis.checks import layout

BROKEN = [(rule, case) for rule, cases in CASES.items() for case in cases if case.breaks]
CLEAN = [(rule, case) for rule, cases in CASES.items() for case in cases if not case.breaks]
QUERY = f"{MODEL}N = Booking.objects.count()"


def check(project: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-B", "-m", "trellis", *arguments],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": ""},
    )


def named(project: Path, rule: str) -> set[str]:
    """The places where a rule is broken, as the engine sees it in this process."""
    found = layout.check(root=project, today=TODAY)
    return {f"{one.place.path}:{one.place.line}" for one in found if one.rule == rule}


@pytest.fixture(scope="session")
def project(generated: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example, to break and to mend."""
    return Path(shutil.copytree(generated("example"), tmp_path_factory.mktemp("x") / "project"))


@pytest.fixture
def seed(project: Path) -> Iterator[Callable[[Case], set[str]]]:
    """Make a change for the length of a test; returns the places it marks."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        yield lambda case: stack.enter_context(case.seeded(project))


class TestCleanProjects:
    @pytest.mark.parametrize("starter", ["example", "empty"])
    def test_are_clean_without_a_waiver(
        self, generated: Callable[[str], Path], starter: str
    ) -> None:
        root = generated(starter)

        assert layout.check(root=root, today=TODAY) == []
        assert not [path for path in root.glob("apps/**/*.py") if "# layout:" in path.read_text()]


class TestRules:
    def test_say_nothing_more_of_a_file_that_cannot_be_read(
        self, project: Path, seed: Callable[[Case], set[str]]
    ) -> None:
        seed(Case("apps/catalog/services.py", "def ("))  # which the app's caches name

        (found,) = layout.check(root=project, today=TODAY)

        assert found.rule == "every_file_can_be_read"

    @pytest.mark.parametrize(("rule", "case"), BROKEN, ids=str)
    def test_name_the_places_where_they_are_broken(
        self, project: Path, seed: Callable[[Case], set[str]], rule: str, case: Case
    ) -> None:
        places = seed(case)

        found = [one for one in layout.check(root=project, today=TODAY) if one.rule == rule]

        assert {f"{one.place.path}:{one.place.line}" for one in found} == places
        for one in found:  # what is wrong. What to do.
            assert re.search(r"[.:] .+[.?]$|^(move|write|use|name|add) ", one.message), one

    @pytest.mark.parametrize(("rule", "case"), CLEAN, ids=str)
    def test_are_silent_about_what_only_looks_like_it(
        self, project: Path, seed: Callable[[Case], set[str]], rule: str, case: Case
    ) -> None:
        seed(case)

        assert named(project, rule) == set()

    def test_each_have_three_cases_that_break_them_and_two_that_do_not(self) -> None:
        broken = [rule for rule, _ in BROKEN]
        sly = {rule for rule, case in BROKEN if case.sly}
        clean = [rule for rule, _ in CLEAN]

        assert set(CASES) == set(layout.rules)
        assert [rule for rule in CASES if broken.count(rule) < 3] == []
        assert [rule for rule in CASES if clean.count(rule) < 2] == []
        assert set(CASES) - sly == set(), "nobody tried to get around these"

    def test_leave_the_project_clean_when_all_is_mended(self, project: Path) -> None:
        assert layout.check(root=project, today=TODAY) == []

    @pytest.mark.parametrize("rule", layout.rules)
    def test_say_what_they_ask_and_what_they_cannot_see(self, rule: str) -> None:
        text = layout.rules[rule].__doc__ or ""

        assert re.match(r".+[.:]\n", text)
        assert "Cannot see: " in text

    def test_are_told_in_where_does_it_go(self, project: Path) -> None:
        text = (project / "docs/where-does-it-go.md").read_text()
        told = re.findall(r"^\| `(\w+_\w+)` \|", text, re.M)

        assert sorted(told) == sorted(layout.rules)
        assert set(re.findall(r"`([a-z]+(?:_[a-z]+){2,})`", text)) - set(layout.rules) <= {
            "assert_constant_queries",
            "delay_on_commit",
        }


class TestHandmadeApps:
    def test_are_one_finding_that_says_what_to_use(
        self, project: Path, seed: Callable[[Case], set[str]]
    ) -> None:
        seed(Case("apps/hollow/services.py", "def save(x): ..."))

        (found,) = layout.check(root=project, today=TODAY)

        assert str(found) == (
            "apps/hollow:1: app_has_an_owner: it was made by hand. Move it away and use"
            " `make app name=hollow team=...`."
        )


class TestCrudApps:
    def test_may_query_and_write_in_their_doors(
        self, project: Path, seed: Callable[[Case], set[str]]
    ) -> None:
        seed(Case(OWNERS, 'profile = "crud"', 'profile = "layered"'))
        seed(Case(VIEWS, f"{QUERY}\ndef f(form: object) -> None:\n    form.save()"))
        seed(Case(ADMIN, "def f(obj: Booking) -> None:\n    obj.delete()"))

        assert layout.check(root=project, today=TODAY) == []


class TestWaivers:
    def test_excuse_their_line_until_their_day_is_over(
        self, project: Path, seed: Callable[[Case], set[str]]
    ) -> None:
        excuse = waiver("doors_do_not_query", TODAY, ": it moves").partition("  ")[2]
        seed(Case(VIEWS, f"{QUERY}  {excuse}"))

        assert layout.check(root=project, today=TODAY) == []
        after = {one.rule for one in layout.check(root=project, today=TOMORROW)}
        assert after == {"doors_do_not_query", "waivers_expire"}

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("allow doors_do_not_query until 2027-02-28: x", "it ended on 2027-02-28. Mend what"),
            ("allow doors_do_not_query until 2027-09-01: x", "2027-09-01 is more than 180 days"),
            ("allow doors_do_not_query: x", "no date is given. Write `until 2027-05-30`."),
            ("allow doors_do_not_query until May: x", "May is no date. Write `until 2027-05-30`."),
            (
                "allow doors_do_not_query until 2027-03-09",
                "no reason is given. End it with `: why`",
            ),
            (
                "allow doors_do_not_query until 2027-03-09: x",
                "nothing on this line breaks doors_do",
            ),
            (
                "allow doors_do_not_ask until 2027-03-09: x",
                "there is no rule doors_do_not_ask to be",
            ),
            ("allow doors do not query", "it cannot be understood. Write `# layout: allow <rule>"),
            ("allow waivers_expire until 2027-03-09: x", "there is no rule waivers_expire to be"),
        ],
    )
    def test_have_a_message_for_each_way_to_get_them_wrong(
        self, project: Path, seed: Callable[[Case], set[str]], text: str, message: str
    ) -> None:
        seed(Case(VIEWS, f"X = 1  # layout: {text}"))

        (found,) = layout.check(root=project, today=TODAY)

        assert found.message.startswith(message)

    def test_name_the_rule_that_was_probably_meant(
        self, project: Path, seed: Callable[[Case], set[str]]
    ) -> None:
        seed(Case(VIEWS, waiver("doors_dont_query", TODAY, ": x")))

        (found,) = layout.check(root=project, today=TODAY)

        assert found.message.endswith("Did you mean doors_do_not_query?")

    def test_are_listed_by_owner_with_the_days_they_have_left(
        self, project: Path, seed: Callable[[Case], set[str]]
    ) -> None:
        today = date.today()  # noqa: DTZ011  # waivers end on a calendar day
        seed(Case(VIEWS, waiver("doors_stay_thin", today, ": to be cut")))
        seed(Case(FORMS, waiver("doors_do_not_write", "2020-01-01", ": forgotten")))
        seed(Case("apps/catalog/views.py", waiver("doors_stay_thin", "", ": some day")))

        listed = check(project, "waivers").stdout.splitlines()

        assert [re.sub(r"  +", "  ", line) for line in listed] == [
            "curators  no end  apps/catalog/views.py:30  doors_stay_thin: some day",
            "platform  over  apps/bookings/forms.py:1  doors_do_not_write: forgotten",
            f"platform  0 days left  {VIEWS}:47  doors_stay_thin: to be cut",
        ]


class TestOutput:
    def test_is_a_line_a_violation_with_place_rule_and_cure(
        self, project: Path, seed: Callable[[Case], set[str]]
    ) -> None:
        (place,) = seed(Case(VIEWS, f"{QUERY}  # !"))

        answer = check(project)

        assert answer.returncode == 1
        assert answer.stdout == (
            f"{place}: doors_do_not_query: bookings.models.Booking.objects is asked here."
            " Add a selector to apps/bookings/selectors.py and call it.\n"
        )
        assert answer.stderr == "1 violation.\n"

    def test_can_be_annotations_for_github(
        self, project: Path, seed: Callable[[Case], set[str]]
    ) -> None:
        seed(Case("apps/bookings/50%, at: most.py", "PRICE = 1"))

        answer = check(project, "--format=github")

        assert answer.returncode == 1
        assert answer.stdout.startswith(
            "::error file=apps/bookings/50%25%2C at%3A most.py,line=1"
            ",title=every_module_has_a_home::50%25, at: most is no layer. Move it into"
        )

    def test_can_be_json_with_the_fields_that_are_documented(
        self, project: Path, seed: Callable[[Case], set[str]]
    ) -> None:
        (place,) = seed(Case(VIEWS, f"{QUERY}  # !"))

        answer = check(project, "--format", "json")

        (found,) = json.loads(answer.stdout)
        documented = (project / "docs/where-does-it-go.md").read_text()
        assert answer.returncode == 1
        assert list(found) == ["path", "line", "rule", "message"]
        assert (f"{found['path']}:{found['line']}", found["rule"]) == (place, "doors_do_not_query")
        assert all(f"`{field}`" in documented for field in found)

    def test_is_an_empty_list_for_programs_when_all_is_well(
        self, generated: Callable[[str], Path]
    ) -> None:
        answer = check(generated("example"), "--format", "json")

        assert (answer.returncode, json.loads(answer.stdout)) == (0, [])

    def test_says_so_when_there_is_nothing_to_say(self, generated: Callable[[str], Path]) -> None:
        answer, waivers = check(generated("example")), check(generated("example"), "waivers")

        assert (answer.returncode, answer.stdout) == (0, "No violations.\n")
        assert (waivers.returncode, waivers.stdout) == (0, "No waivers.\n")
        assert check(generated("example"), "--format", "github").stdout == ""

    def test_helps_whoever_asks(self, generated: Callable[[str], Path]) -> None:
        answer = check(generated("example"), "--help")

        assert (answer.returncode, answer.stderr) == (0, "")
        assert "--explain RULE" in answer.stdout

    def test_says_where_to_run_it(self, tmp_path: Path, project: Path) -> None:
        answer = subprocess.run(
            [sys.executable, "-B", "-m", "trellis"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(project)},
            capture_output=True,
            text=True,
            check=False,
        )

        assert answer.returncode == 2
        assert "Run this in the project's folder" in answer.stderr

    @pytest.mark.parametrize("words", [["--format", "xml"], ["--explain"], ["chek"]])
    def test_says_what_it_understands(
        self, generated: Callable[[str], Path], words: list[str]
    ) -> None:
        answer = check(generated("example"), *words)

        assert answer.returncode == 2
        assert "--explain RULE" in answer.stderr

    def test_explains_one_rule_and_names_them_all_for_one_that_is_none(
        self, generated: Callable[[str], Path]
    ) -> None:
        explained = check(generated("example"), "--explain", "doors_stay_thin")
        unknown = check(generated("example"), "--explain", "doors_stay_thick")

        assert explained.stdout.startswith("doors_stay_thin\n    A door understands")
        assert unknown.returncode == 2
        assert unknown.stderr.startswith(
            "There is no rule 'doors_stay_thick'. Did you mean doors_stay_thin? There are:\n"
        )
        assert all(f"  {rule}\n" in unknown.stderr for rule in layout.rules)

    def test_lists_every_rule_with_what_it_says(self, generated: Callable[[str], Path]) -> None:
        listed = check(generated("example"), "--rules").stdout
        heads = [line for line in listed.splitlines() if line and not line.startswith(" ")]

        assert heads == list(layout.rules)
        assert listed.count("Cannot see: ") == len(heads)


class TestStrangeInput:
    """A violation with a place; never a traceback. (More of it: `every_file_can_be_read`.)"""

    @pytest.mark.parametrize(
        ("case", "place"),
        [
            (Case("apps/hollow/a.py", "X = 1"), "apps/hollow:1"),
            (Case("teams.toml", do=as_bytes(b"\xff")), "teams.toml:1"),
            (Case(OWNERS, do=as_bytes(b"\xff")), f"{OWNERS}:1"),
            (Case(OWNERS, do=as_bytes(b"a = " + b"[" * 9999)), f"{OWNERS}:1"),
            (Case(OWNERS, do=as_bytes(b"a = \0")), f"{OWNERS}:1"),
            (Case(VIEWS, "def fat() -> None:\n" + "    x = 1\n" * 10_000), f"{VIEWS}:47"),
            (Case("apps/bookings/\udcff.py", "X = 1"), "apps/bookings/\\udcff.py:1"),
        ],
    )
    def test_is_named_with_its_place(
        self, project: Path, seed: Callable[[Case], set[str]], case: Case, place: str
    ) -> None:
        seed(case)

        answer = check(project)

        assert answer.returncode == 1
        assert f"{place}: " in answer.stdout
        assert "Traceback" not in answer.stderr

    def test_that_newer_pythons_read_is_no_riddle(
        self, project: Path, seed: Callable[[Case], set[str]]
    ) -> None:
        (place,) = seed(Case(VIEWS, "def f[T](x T): ...  # !"))

        (found,) = layout.check(root=project, today=TODAY)

        running = f"Python {sys.version_info.major}.{sys.version_info.minor}"
        assert str(found).startswith(
            f"{place}: every_file_can_be_read: is not valid in {running}: "
        )

    def test_of_a_file_that_may_not_be_read_is_named(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(path: str, *arguments: str, **options: str) -> object:
            if path.endswith(VIEWS):
                raise PermissionError(13, "Permission denied")
            return open(path, *arguments, **options)  # type: ignore[call-overload]  # noqa: PTH123

        monkeypatch.setattr(layout.source, "open", refuse, raising=False)

        (found,) = layout.check(root=project, today=TODAY)

        assert str(found) == (
            f"{VIEWS}:1: every_file_can_be_read: cannot be read: Permission denied. Mend the file."
        )

    def test_is_told_apart_from_nothing_that_could_be_read(
        self, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def refuse(folder: Path) -> object:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "scandir", refuse)

        assert trellis.main(arguments=[], root=project) == 2
        assert "apps/ cannot be read: Permission denied." in capsys.readouterr().err

    def test_of_a_folder_that_may_not_be_read_is_named(
        self,
        project: Path,
        seed: Callable[[Case], set[str]],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        seed(Case("apps/bookings/services/secret.py", "X = 1"))
        scan = os.scandir

        def refuse(folder: Path) -> object:
            if str(folder).endswith("apps/bookings/services"):
                raise PermissionError(13, "Permission denied")
            return scan(folder)

        monkeypatch.setattr(os, "scandir", refuse)

        assert named(project, "every_file_can_be_read") == {"apps/bookings/services:1"}
