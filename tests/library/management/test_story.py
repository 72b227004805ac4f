import io
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings


def story(*arguments: str) -> list[str]:
    out = StringIO()
    call_command("story", *arguments, stdout=out)
    return out.getvalue().splitlines()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    log = tmp_path / "app.jsonl"
    log.write_text(
        '{"timestamp": "2", "event": "task_started", "request_id": "r1", "task": "a.b"}\n'
        '{"timestamp": "1", "event": "request_started", "request_id": "r1"}\n'
        '{"timestamp": "1", "event": "request_started", "request_id": "r2", "parent": "r1"}\n'
        'not ours, r1\n"r1"\n{"half": "r1\n'
    )
    return log


class TestStory:
    def test_shows_the_events_of_one_request_in_their_order(self, log: Path) -> None:
        assert story("r1", str(log)) == ["1  request_started  ", "2  task_started  task=a.b"]

    def test_reads_the_log_of_development_by_default(self, log: Path, settings: Settings) -> None:
        settings.LOG_FILE = str(log)

        assert len(story("r1")) == 2

    def test_reads_standard_input(self, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(log.read_text()))

        assert len(story("r1", "-")) == 2

    def test_refuses_an_unknown_request_an_unreadable_file_and_no_id(self, log: Path) -> None:
        with pytest.raises(CommandError, match="is about 'r3'"):
            story("r3", str(log))
        with pytest.raises(CommandError, match="cannot be read"):
            story("r1", str(log.with_name("none")))
        with pytest.raises(CommandError, match=r"are required: request_id$"):
            story()
