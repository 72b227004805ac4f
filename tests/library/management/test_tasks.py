import json
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import call_command

from trellis import ownership
from trellis.tasks import runs


def tasks(*options: str) -> str:
    out = StringIO()
    call_command("tasks", *options, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
class TestTasks:
    def test_lists_owner_schedule_and_last_success(self) -> None:
        name = "trellis.republish_unpublished"
        runs.note_success(name=name, at=datetime(2020, 1, 2, 3, 4, tzinfo=UTC))

        header, *lines = tasks().splitlines()

        assert header.startswith("TASK")
        (line,) = [line for line in lines if line.startswith(name)]
        assert "every minute" in line
        assert "2020-01-02 03:04 LATE" in line
        assert line.endswith("never")

    def test_prints_json_for_programs(self) -> None:
        entries = json.loads(tasks("--json"))

        (entry,) = [entry for entry in entries if entry["name"] == "trellis.clean_up"]
        assert (entry["queue"], entry["time_limit"]) == ("default", 600)
        assert entry["last_success"] is None
        assert entry["owner"] == ownership.default_team()
