import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from config import logging

ROOT = Path(__file__).resolve().parent.parent


class TestAddOwner:
    def test_names_the_team_on_lines_of_an_app(self) -> None:
        event = logging.add_owner(None, "info", {"logger": "apps.accounts.services"})

        assert event["owner"]

    def test_leaves_other_lines_alone(self) -> None:
        assert "owner" not in logging.add_owner(None, "info", {"logger": "django.request"})


class TestTagOwner:
    def test_finds_the_innermost_code_of_ours(self) -> None:
        frames = [{"module": "apps.accounts.services"}, {"module": "django.db"}]
        event = {"exception": {"values": [{"stacktrace": {"frames": frames}}]}}

        assert logging.tag_owner(event, {})["tags"]["owner"]

    def test_leaves_events_without_our_code_alone(self) -> None:
        assert logging.tag_owner({"message": "hello"}, {}) == {"message": "hello"}


class TestConfigure:
    @pytest.mark.parametrize(
        ("environment", "coloured"),
        [
            ({}, False),  # a pipe
            ({"FORCE_COLOR": "1"}, True),
            ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ],
    )
    def test_colours_what_a_terminal_shows(
        self, environment: dict[str, str], coloured: bool
    ) -> None:
        script = (
            "import structlog; from config import logging\n"
            "logging.configure(level='INFO', as_json=False)\n"
            "try:\n    1 / 0\n"
            "except ZeroDivisionError:\n    structlog.get_logger('ours').exception('told')"
        )

        said = printed([sys.executable, "-c", script], environment=environment)

        assert ("told" in said, "\x1b[" in said) == (True, coloured)

    @pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
    def test_goes_for_what_a_command_says_on_a_terminal_too(
        self, environment: dict[str, str], coloured: bool
    ) -> None:
        command = [sys.executable, "manage.py", "check", "--tag", "none_such"]

        said = printed(command, environment=environment, on_a_terminal=True)

        assert ("none_such" in said, "\x1b[" in said) == (True, coloured)

    @pytest.mark.parametrize("as_json", [True, False])
    def test_tells_of_an_error_without_what_was_in_its_variables(self, as_json: bool) -> None:
        script = (
            "import structlog; from config import logging\n"
            f"logging.configure(level='INFO', as_json={as_json})\n"
            "def sign_in(password):\n    return password / 0\n"
            "try:\n    sign_in(4700 + 11)\n"
            "except ZeroDivisionError:\n    structlog.get_logger('ours').exception('told')"
        )

        said = printed([sys.executable, "-c", script], environment={})

        assert ("in sign_in" in said, "4711" in said) == (True, False)

    def test_writes_json_lines_to_a_file_and_puts_a_long_one_aside(self, tmp_path: Path) -> None:
        log = tmp_path / "log" / "app.jsonl"
        script = (
            "import logging as standard, structlog; from config import logging\n"
            f"logging.configure(level='INFO', as_json=False, json_file={str(log)!r})\n"
            "standard.getLogger('apps.accounts').info('plain')\n"
            "structlog.get_logger('ours').info('told', request_id='r')"
        )
        run = [sys.executable, "-c", script]

        subprocess.run(run, cwd=ROOT, check=True, capture_output=True)

        plain, told = map(json.loads, log.read_text().splitlines())
        assert (plain["event"], told["event"], told["request_id"]) == ("plain", "told", "r")
        assert plain["owner"]
        log.write_bytes(b"x" * (logging.KEPT + 1))

        subprocess.run(run, cwd=ROOT, check=True, capture_output=True)

        assert log.read_text().startswith("{")
        assert log.with_name("app.old.jsonl").exists()


def printed(command: list[str], *, environment: dict[str, str], on_a_terminal: bool = False) -> str:
    """Return what a command prints when only `environment` says anything about colours."""
    about_colours = ("NO_COLOR", "FORCE_COLOR", "DJANGO_COLORS")
    passed_on = {name: value for name, value in os.environ.items() if name not in about_colours}
    ours, theirs = pty.openpty() if on_a_terminal else os.pipe()
    subprocess.run(command, cwd=ROOT, env=passed_on | environment, stdout=theirs, stderr=theirs)
    os.close(theirs)
    with os.fdopen(ours, "rb", buffering=0) as reader:
        return reader.read(100_000).decode()
