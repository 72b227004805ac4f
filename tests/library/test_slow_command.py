"""`manage.py slow`."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings


def line(view: str, duration_ms: float, queries: int) -> str:
    event = {"event": "request_finished", "view": view}
    return json.dumps(event | {"duration_ms": duration_ms, "queries": queries})


def output_of(*arguments: str) -> str:
    out = StringIO()
    call_command("slow", *arguments, stdout=out)
    return out.getvalue()


class TestSlow:
    def test_lists_the_view_first_that_took_most_of_the_time(self, tmp_path: Path) -> None:
        log = tmp_path / "web.log"
        fast = [line("GET /reports", 1, 0)] * 10
        slow = [line("POST /reports", 10 * number, number) for number in range(1, 21)]
        log.write_text("\n".join([*fast, "Traceback ...", "12:00 web.1 | " + slow[0], *slow[1:]]))

        header, *rows = [row.split() for row in output_of(str(log)).splitlines()]

        assert header[0] == "VIEW"
        assert rows == [
            ["POST", "/reports", "20", "2.1", "105.0", "190.0", "10", "20"],
            ["GET", "/reports", "10", "0.0", "1.0", "1.0", "0", "0"],
        ]

    def test_skips_lines_that_are_no_finished_request(self, tmp_path: Path) -> None:
        others = ["", "{", "[1]", '{"event": "request_started"}', '{"event": "request_finished"}']
        log = tmp_path / "web.log"
        log.write_text("\n".join([*others, line("GET /", 1, 0)]))

        _, row = output_of(str(log)).splitlines()

        assert row.split()[:3] == ["GET", "/", "1"]

    def test_reads_the_log_of_development(self, tmp_path: Path, settings: Settings) -> None:
        settings.LOG_FILE = tmp_path / "app.jsonl"
        settings.LOG_FILE.write_text(line("GET /", 1, 0))

        assert "GET /" in output_of()

    def test_reads_standard_input(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdin", StringIO(line("GET /", 1, 0)))

        assert "GET /" in output_of("-")

    @pytest.mark.parametrize(
        ("content", "message"), [(None, "No such file"), ("Ready.\n", "LOG_JSON=1")]
    )
    def test_fails_without_a_finished_request(
        self, tmp_path: Path, content: str | None, message: str
    ) -> None:
        log = tmp_path / "web.log"
        if content:
            log.write_text(content)

        with pytest.raises(CommandError, match=message):
            output_of(str(log))
