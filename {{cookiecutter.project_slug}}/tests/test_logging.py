import json
import subprocess
import sys
from pathlib import Path

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
