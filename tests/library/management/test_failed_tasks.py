from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.library.conftest import fail
from trellis.models import FailedTask

pytestmark = pytest.mark.django_db


def failed_tasks(*arguments: str) -> str:
    out = StringIO()
    call_command("failed_tasks", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def row(task: Any) -> FailedTask:
    return fail(task, kwargs={"what": ""}, at=datetime(2020, 1, 2, 3, 4, tzinfo=UTC))


class TestList:
    def test_shows_open_rows_unless_all_are_asked_for(self, row: FailedTask) -> None:
        assert "2020-01-02 03:04  open" in failed_tasks("list")

        failed_tasks("discard", str(row.pk))

        assert failed_tasks("list") == "No failed tasks.\n"
        assert "discarded" in failed_tasks("list", "--all")

    def test_filters_by_task(self, row: FailedTask) -> None:
        assert "tests.fragile" in failed_tasks("list", "--task", row.name)
        assert failed_tasks("list", "--task", "tests.other") == "No failed tasks.\n"


class TestShow:
    def test_prints_every_detail(self, row: FailedTask) -> None:
        shown = failed_tasks("show", str(row.pk))

        assert "arguments  {'what': ''}" in shown
        assert "runbook    docs/runbooks/tasks.md" in shown
        assert "Traceback: …" in shown

    def test_refuses_an_unknown_id(self) -> None:
        with pytest.raises(CommandError, match="no failed task 777"):
            failed_tasks("show", "777")


class TestReplayAndDiscard:
    def test_take_ids_or_all_open_rows_of_a_task(self, row: FailedTask, eager_tasks: None) -> None:
        assert failed_tasks("replay", str(row.pk)) == "1 replayed.\n"
        assert failed_tasks("replay", "--task", row.name) == "0 replayed.\n"

    def test_find_a_task_that_does_not_exist_any_more_by_its_name(self, row: FailedTask) -> None:
        FailedTask.objects.update(name="tests.renamed")

        assert failed_tasks("discard", "--task", "tests.renamed") == "1 discarded.\n"

    def test_print_why_a_row_was_refused(self, row: FailedTask) -> None:
        failed_tasks("discard", str(row.pk))

        with pytest.raises(CommandError, match=f"Failed task {row.pk} was discarded already"):
            failed_tasks("replay", str(row.pk))

    def test_refuse_a_choice_that_is_missing_double_or_unknown(self, row: FailedTask) -> None:
        with pytest.raises(CommandError, match="Which"):
            failed_tasks("replay")
        with pytest.raises(CommandError, match="Which"):
            failed_tasks("replay", str(row.pk), "--task", "another.task")
        for verb in ("replay", "discard"):
            with pytest.raises(CommandError, match=r"no task nope\.x\. `make tasks` lists them"):
                failed_tasks(verb, "--task", "nope.x")
