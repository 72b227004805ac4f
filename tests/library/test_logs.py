import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from trellis import logs
from trellis.env import WrongEnvironment

SAMPLE = Path(__file__).parent / "sample"


def printed(script: str, *, on_a_terminal: bool = False, **environment: str) -> str:
    """Return what a script prints that uses the sample project."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    path = os.pathsep.join([str(SAMPLE), os.environ.get("PYTHONPATH", "")])
    project = {"DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONPATH": path}
    reading, writing = pty.openpty() if on_a_terminal else os.pipe()
    subprocess.run(
        [sys.executable, "-c", script],
        env=inherited | project | environment,
        stdout=writing,
        stderr=writing,
        check=True,
    )
    os.close(writing)
    with os.fdopen(reading, "rb", buffering=0) as output:
        return output.read(100_000).decode()


def script(*, failing: str = "1 / 0", **options: Any) -> str:
    """Return a script that configures logging and logs an error."""
    options = {"level": "INFO", "as_json": False} | options
    arguments = ", ".join(f"{name}={value!r}" for name, value in options.items())
    return (
        "import logging, structlog; from django.conf import settings; from trellis import logs\n"
        "assert settings.BASE_DIR  # they are loaded, as in every process of a project\n"
        f"logs.configure({arguments})\n"
        "def sign_in(password):\n    return password / 0\n"
        f"try:\n    {failing}\n"
        "except ZeroDivisionError:\n"
        "    structlog.get_logger('ours').exception('failed', number=1)\n"
        "logging.getLogger('apps.accounts.services').info('plain')\n"
    )


class TestConfigure:
    @pytest.mark.parametrize(
        ("environment", "on_a_terminal", "colored"),
        [
            ({}, False, False),
            ({}, True, True),
            ({"NO_COLOR": "1"}, True, False),
            ({"FORCE_COLOR": "1"}, False, True),
            ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
        ],
    )
    def test_uses_colors_on_a_terminal(
        self, environment: dict[str, str], on_a_terminal: bool, colored: bool
    ) -> None:
        text = printed(script(), on_a_terminal=on_a_terminal, **environment)

        assert ("failed" in text, "\x1b[" in text) == (True, colored)

    @pytest.mark.parametrize("as_json", [True, False])
    def test_prints_a_traceback_without_the_values_of_variables(self, as_json: bool) -> None:
        text = printed(script(failing="sign_in(4700 + 11)", as_json=as_json))

        assert ("in sign_in" in text, "4711" in text) == (True, False)

    def test_prints_a_json_object_a_line_with_time_level_logger_and_owner(self) -> None:
        failed, plain = map(json.loads, printed(script(as_json=True)).splitlines())

        assert (failed["event"], failed["number"], failed["level"]) == ("failed", 1, "error")
        assert "ZeroDivisionError" in failed["exception"]
        assert (plain["event"], plain["logger"]) == ("plain", "apps.accounts.services")
        assert plain["timestamp"].endswith("Z")
        assert plain["owner"]
        assert "owner" not in failed

    def test_leaves_out_what_is_below_the_level(self) -> None:
        assert "plain" not in printed(script(level="ERROR"))

    def test_writes_json_to_a_file_as_well(self, tmp_path: Path) -> None:
        log = tmp_path / "log" / "app.jsonl"

        text = printed(script(json_file=str(log)))

        assert "plain" in text
        assert [json.loads(line)["event"] for line in log.read_text().splitlines()] == [
            "failed",
            "plain",
        ]

    def test_says_in_one_line_that_a_file_cannot_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "log").touch()

        with (
            mock.patch("structlog.configure"),  # the next tests need its defaults
            pytest.raises(WrongEnvironment, match=r"^LOG_FILE cannot be written: File exists\.$"),
        ):
            logs.configure(level="INFO", as_json=True, json_file=f"{tmp_path}/log/app.jsonl")

    def test_renames_a_file_that_has_grown_too_long(self, tmp_path: Path) -> None:
        log = tmp_path / "app.jsonl"
        log.write_bytes(b"x" * (logs.MAX_FILE_BYTES + 1))

        printed(script(json_file=str(log)))

        assert log.read_text().startswith("{")
        assert (tmp_path / "app.old.jsonl").stat().st_size > logs.MAX_FILE_BYTES


class TestAddOwner:
    def test_names_the_team_on_the_lines_of_an_app(self) -> None:
        assert logs.add_owner(None, "info", {"logger": "apps.accounts.services"})["owner"]

    def test_leaves_other_lines_alone(self) -> None:
        assert "owner" not in logs.add_owner(None, "info", {"logger": "django.request"})


class TestHideTokens:
    def test_hides_them_in_the_paths_that_django_logs(self) -> None:
        text = printed(
            script(as_json=True)
            + "for path in ('/sign-up/' + 37 * 'x' + '/', '/' + 36 * 'y' + '/'):\n"
            "    extra = {'request': path}\n"
            "    logging.getLogger('django.request').warning('Not Found: %s', path, extra=extra)\n"
        )

        found = [json.loads(line)["event"] for line in text.splitlines()]
        assert found[2:] == ["Not Found: /sign-up/…/", f"Not Found: /{36 * 'y'}/"]
