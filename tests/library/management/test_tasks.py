from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from tests.library.conftest import fail
from trellis import ownership
from trellis.tasks import runs


def row_of(name: str) -> str:
    """Return the row of a task, with one space between its words."""
    out = StringIO()
    call_command("tasks", stdout=out)
    header, *rows = (" ".join(line.split()) for line in out.getvalue().splitlines())
    assert header.startswith("TASK OWNER QUEUE")
    (row,) = [row for row in rows if row.startswith(f"{name} ")]
    return row


@pytest.mark.django_db
class TestTasks:
    def test_show_schedule_and_last_success(self) -> None:
        name = "trellis.republish_unpublished"
        runs.note_success(name=name, at=datetime(2020, 1, 2, 3, 4, tzinfo=UTC))

        row = row_of(name)

        assert row == (
            f"{name} {ownership.default_team()} default every minute none 60 s"
            " 2020-01-02 03:04 LATE never"
        )

    def test_show_the_last_failure(self, task: Any) -> None:
        for day in (1, 2):
            fail(task, task_id=str(day), at=datetime(2020, 1, day, 3, 4, tzinfo=UTC))

        row = row_of(task.name)

        assert "mail on demand none" in row
        assert row.endswith("never 2020-01-02 03:04")

    def test_have_an_owner_and_a_limit_in_a_scheduled_one_of_the_library(self) -> None:
        assert "cron 0 3 * * * UTC none 600 s" in row_of("trellis.clean_up")
