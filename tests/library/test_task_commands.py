"""`manage.py tasks`, `failed_tasks` and `story`."""

import json
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from trellis import ownership
from trellis.models import FailedTask
from trellis.tasks import recording, runs


def said(*command: str) -> str:
    out = StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
class TestTasks:
    def test_are_listed_with_owner_schedule_and_last_success(self) -> None:
        name = "trellis.republish_unpublished"
        runs.note_success(name=name, at=datetime(2020, 1, 2, 3, 4, tzinfo=UTC))

        header, *lines = said("tasks").splitlines()

        assert header.startswith("TASK")
        (line,) = [line for line in lines if line.startswith(name)]
        assert "every minute" in line
        assert "2020-01-02 03:04 LATE" in line
        assert line.endswith("never")

    def test_are_told_to_programs_too(self) -> None:
        cards = json.loads(said("tasks", "--json"))

        card = next(card for card in cards if card["name"] == "trellis.delete_old_rows")
        assert (card["app"], card["queue"]) == ("trellis", "default")
        assert card["last_success"] is None
        assert card["owner"] == ownership.default_team()


@pytest.mark.django_db
class TestFailedTasks:
    @pytest.fixture
    def row(self, task: Any) -> FailedTask:
        recording.record(
            task=task,
            task_id="1",
            args=(),
            kwargs={"what": ""},
            error=ValueError("broken"),
            traceback="Traceback: …",
            at=datetime(2020, 1, 2, 3, 4, tzinfo=UTC),
        )
        return FailedTask.objects.get()

    def test_are_listed_while_they_are_open(self, row: FailedTask) -> None:
        assert "2020-01-02 03:04  open" in said("failed_tasks", "list")
        assert "tests.fragile" in said("failed_tasks", "list", "--owner", row.owner)
        assert said("failed_tasks", "list", "--task", "tests.other") == "No failed tasks.\n"

        said("failed_tasks", "discard", str(row.pk))

        assert said("failed_tasks", "list") == "No failed tasks.\n"
        assert "discarded" in said("failed_tasks", "list", "--all")

    def test_are_shown_with_all_there_is_to_know(self, row: FailedTask) -> None:
        shown = said("failed_tasks", "show", str(row.pk))

        assert "arguments  {'what': ''}" in shown
        assert "runbook    docs/runbooks/tasks.md" in shown
        assert "Traceback: …" in shown

    def test_are_replayed_by_id_or_all_of_a_task(self, row: FailedTask, eager_tasks: None) -> None:
        assert said("failed_tasks", "replay", str(row.pk)) == "1 replayed.\n"
        assert said("failed_tasks", "replay", "--task", row.name) == "0 replayed.\n"

    def test_say_what_cannot_be_done(self, row: FailedTask) -> None:
        said("failed_tasks", "discard", str(row.pk))

        with pytest.raises(CommandError, match=f"Failed task {row.pk} was discarded already"):
            said("failed_tasks", "replay", str(row.pk))
        with pytest.raises(CommandError, match="no failed task 777"):
            said("failed_tasks", "show", "777")
        with pytest.raises(CommandError, match="Which"):
            said("failed_tasks", "replay")
        with pytest.raises(CommandError, match="Give ids, or --task"):
            said("failed_tasks", "replay", str(row.pk), "--task", "another.task")
        for verb in ("replay", "discard"):
            with pytest.raises(CommandError, match=r"no task nope\.x\. `make tasks` lists them"):
                said("failed_tasks", verb, "--task", "nope.x")

    def test_of_a_task_that_is_no_more_are_found_by_its_name(self, row: FailedTask) -> None:
        FailedTask.objects.update(name="tests.renamed")

        assert said("failed_tasks", "discard", "--task", "tests.renamed") == "1 discarded.\n"


class TestStory:
    @pytest.fixture
    def log(self, tmp_path: Path) -> Path:
        log = tmp_path / "app.jsonl"
        log.write_text(
            '{"timestamp": "2", "event": "task_started", "request_id": "r1", "task": "a.b"}\n'
            '{"timestamp": "1", "event": "request_started", "request_id": "r1"}\n'
            '{"timestamp": "1", "event": "request_started", "request_id": "r2", "parent": "r1"}\n'
            'not ours, r1\n"r1"\n{"half": "r1\n'
        )
        return log

    def test_is_told_in_the_order_it_happened(self, log: Path) -> None:
        lines = said("story", "r1", str(log)).splitlines()

        assert lines == ["1  request_started  ", "2  task_started  task=a.b"]

    def test_comes_from_where_development_logs_to(self, log: Path, settings: Settings) -> None:
        settings.LOG_FILE = str(log)

        assert "task_started" in said("story", "r1")

    def test_that_nobody_tells_is_said_to_be_so(self, log: Path) -> None:
        with pytest.raises(CommandError, match="is about 'r3'"):
            said("story", "r3", str(log))
        with pytest.raises(CommandError, match="cannot be read"):
            said("story", "r1", str(log.with_name("none")))
        with pytest.raises(CommandError, match=r"are required: request_id$"):
            said("story")
