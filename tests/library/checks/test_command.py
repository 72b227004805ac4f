"""`trellis check`, `rules`, `explain` and `waivers`."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.library.checks.projects import make, write
from trellis.checks import rules
from trellis.commands import cli

PRICING = "apps/bookings/50%, at: most.py"
FINDING = (
    "50%, at: most is no layer. docs/where-does-it-go.md says where code goes; extra_modules in"
    " [tool.trellis] gives a name of your own a place."
)


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    return make(tmp_path)


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    return make(tmp_path, {PRICING: "", "apps/catalog/pricing.py": ""})


def run(root: Path, *arguments: str) -> int:
    return cli.main([*arguments], root=root)


def trellis(root: Path, command: str) -> "subprocess.CompletedProcess[str]":
    """Run a shell command in which `trellis` is the command, as a user has it."""
    line = command.replace("trellis", f"'{sys.executable}' -m trellis")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(
        ["bash", "-c", line],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


class TestCheck:
    def test_is_0_where_nothing_is_found(
        self, clean: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(clean, "check") == 0
        assert capsys.readouterr() == ("No findings.\n", "")

    def test_is_1_and_a_line_each_where_something_is(
        self, broken: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(broken, "check") == 1

        printed = capsys.readouterr()
        assert printed.out.splitlines()[0] == f"{PRICING}:1: module_has_a_home: {FINDING}"
        assert printed.err == "2 findings.\n"

    def test_is_2_where_there_is_no_project(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(tmp_path, "check") == 2
        assert "Run this in the project's folder." in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("paths", "status"),
        [
            (["apps/catalog"], 1),
            (["apps/catalog/pricing.py", "README.md"], 1),
            (["apps/accounts", "apps/catalog/OWNERS.toml"], 0),
            (["."], 1),
        ],
    )
    def test_tells_what_is_found_in_the_paths_it_is_given(
        self, broken: Path, capsys: pytest.CaptureFixture[str], paths: list[str], status: int
    ) -> None:
        assert run(broken, "check", *paths) == status

        if paths != ["."]:
            assert "apps/bookings" not in capsys.readouterr().out

    @pytest.mark.parametrize("path", ["apps/nothing.py", "/etc/passwd", ".."])
    def test_is_2_for_a_path_that_is_not_of_the_project(
        self, broken: Path, capsys: pytest.CaptureFixture[str], path: str
    ) -> None:
        assert run(broken, "check", path) == 2
        assert f"{path} is not a file or folder of this project." in capsys.readouterr().err

    def test_writes_a_baseline_after_which_it_is_clean(
        self, broken: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(broken, "check", "--baseline") == 0
        assert "Wrote 2 waivers into waivers.toml." in capsys.readouterr().out
        assert run(broken, "check") == 0

    def test_announces_a_waiver_that_ends_soon_and_stays_clean(
        self, clean: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from tests.library.checks.projects import TODAY
        from trellis.commands import check

        monkeypatch.setattr(check, "_today", lambda: TODAY)
        write(clean, "apps/bookings/pricing.py", "")
        place = 'rule = "module_has_a_home"\npath = "apps/bookings"\n'
        write(clean, "waivers.toml", f'[[waiver]]\n{place}until = 2027-03-09\nreason = "R."\n')

        assert run(clean, "check") == 0
        assert capsys.readouterr().err == (
            "waivers.toml:1: waivers_are_valid: the waiver for module_has_a_home ends on"
            " 2027-03-09. Mend what it excuses.\n"
        )
        run(clean, "check", "--format", "github")
        assert capsys.readouterr().out.startswith("::warning file=waivers.toml,line=1,")


class TestFormats:
    def test_github_is_an_annotation_each(
        self, broken: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(broken, "check", "--format=github") == 1

        assert capsys.readouterr().out.splitlines()[0] == (
            "::error file=apps/bookings/50%25%2C at%3A most.py,line=1,title=module_has_a_home::"
            + FINDING.replace("%", "%25")
        )

    def test_json_is_a_list_of_objects(
        self, broken: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(broken, "check", "--format", "json") == 1

        first, _ = json.loads(capsys.readouterr().out)
        assert first == {
            "path": PRICING,
            "line": 1,
            "rule": "module_has_a_home",
            "message": FINDING,
        }

    def test_sarif_names_the_rules_and_the_places(
        self, broken: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(broken, "check", "--format", "sarif") == 1

        report: dict[str, Any] = json.loads(capsys.readouterr().out)
        (one,) = report["runs"]
        assert report["version"] == "2.1.0"
        assert {rule["id"] for rule in one["tool"]["driver"]["rules"]} == set(rules.RULES)
        place = one["results"][0]["locations"][0]["physicalLocation"]
        assert place == {
            "artifactLocation": {"uri": "apps/bookings/50%25%2C%20at%3A%20most.py"},
            "region": {"startLine": 1},
        }

    @pytest.mark.parametrize(("form", "nothing"), [("github", ""), ("json", "[]\n")])
    def test_say_nothing_more_where_nothing_is_found(
        self, clean: Path, capsys: pytest.CaptureFixture[str], form: str, nothing: str
    ) -> None:
        assert run(clean, "check", "--format", form) == 0
        assert capsys.readouterr() == (nothing, "")


class TestShell:
    @pytest.mark.parametrize("command", ["check", "check --format sarif"])
    def test_may_close_the_pipe(self, broken: Path, command: str) -> None:
        write(broken, "apps/insights/services.py", "import requests\n" * 3000)

        done = trellis(broken, f"trellis {command} | sleep 1; echo ${{PIPESTATUS[0]}}")

        assert (done.stdout, done.stderr) == ("141\n", "")

    def test_prints_names_that_are_no_unicode(self, clean: Path) -> None:
        (clean / "apps/bookings/\udcff.py").write_text("")

        done = trellis(clean, "trellis check")

        assert done.stdout.startswith("apps/bookings/\\udcff.py:1: module_has_a_home: ")

    @pytest.mark.parametrize("words", ["chek", "check --format xml", "explain"])
    def test_says_what_it_understands(self, clean: Path, words: str) -> None:
        done = trellis(clean, f"trellis {words}")

        assert done.returncode == 2
        assert "usage: trellis" in done.stderr
        assert "Traceback" not in done.stderr


class TestRules:
    def test_are_all_listed_and_explained(
        self, clean: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(clean, "rules") == 0
        listed = capsys.readouterr().out

        assert listed.count("Cannot see: ") == len(rules.RULES)
        assert all(f"\n{name} (" in f"\n{listed}" for name in rules.RULES)

    @pytest.mark.parametrize("rule", rules.RULES.values(), ids=lambda rule: rule.name)
    def test_say_what_they_ask_and_what_they_cannot_see(self, rule: rules.Rule) -> None:
        assert rule.mechanism in ("layout", "declarations", "guards", "proofs")
        assert rule.asks.endswith(".")
        assert rule.cannot_see.endswith(".")

    def test_are_explained_one_by_one(
        self, clean: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(clean, "explain", "tasks_are_shallow") == 0
        assert capsys.readouterr().out == (
            "tasks_are_shallow (layout)\n  The body of a task is one call.\n"
            "  Cannot see: Logic in how the arguments of that call are computed.\n"
        )

    def test_of_a_projects_own_are_explained_by_their_docstring(
        self, clean: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write(clean, "pyproject.toml", '[tool.trellis]\nown_rules = ["r.py:no_print"]\n')
        write(clean, "r.py", 'def no_print(project):\n    """Apps do not print."""\n')

        assert run(clean, "explain", "no_print") == 0
        assert capsys.readouterr().out == "no_print (your own, r.py)\n  Apps do not print.\n"

    def test_have_a_hint_for_a_name_that_is_none(
        self, clean: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(clean, "explain", "tasks_are_shalow") == 2
        assert capsys.readouterr().err == (
            "There is no rule 'tasks_are_shalow'. Did you mean tasks_are_shallow?"
            " `trellis rules` lists them all.\n"
        )


class TestWaivers:
    def test_are_listed_by_owner_the_soonest_to_end_first(
        self, broken: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from tests.library.checks.projects import TODAY
        from trellis.commands import check

        monkeypatch.setattr(check, "_today", lambda: TODAY)
        entry = '[[waiver]]\nrule = "module_has_a_home"\npath = "{}"\nuntil = {}\nreason = "R."\n'
        places = (("apps/bookings", "2027-05-01"), ("docs", "2027-04-01"))
        text = "".join(entry.format(path, until) for path, until in places)
        write(broken, "teams.toml", '[night]\ncontact = "#n"\n[platform]\ncontact = "#p"\n')
        write(broken, "waivers.toml", f"{text}{entry.format('apps/catalog', '2027-03-02')}")

        assert run(broken, "waivers") == 0
        assert capsys.readouterr().out == (
            "night           31 days left  module_has_a_home  docs: R.\n"
            "platform         1 days left  module_has_a_home  apps/catalog: R.\n"
            "platform        61 days left  module_has_a_home  apps/bookings: R.\n"
        )

    def test_may_be_none(self, clean: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(clean, "waivers") == 0
        assert capsys.readouterr().out == "No waivers.\n"
