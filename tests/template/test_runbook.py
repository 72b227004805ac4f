"""Every command in the runbook of tasks is run, as it is written, while the project runs."""

import re
from pathlib import Path

from tests.template.living import python
from tests.template.runbooks import Runbook

FAIL = """
from django.utils import timezone
from trellis.models import FailedTask
at = timezone.now()
FailedTask.objects.filter(pk=1).delete()  # the failure of another test
FailedTask.objects.create(
    pk=1,
    task_id="of the runbook",
    name="trellis.clean_up",
    traceback="Traceback: …",
    first_failed_at=at,
    last_failed_at=at,
)
"""
# The sections with a block that are run, by test_runbooks_of_apps.py.
RUN = {
    "accounts": ["Somebody cannot sign in", "Nobody can reach the admin"],
    "bookings": ["Confirmations do not arrive", "Holds are not released"],
    "caches": ["Which caches are there, and is each worth it?", "A page shows an old value"],
    "catalog": [
        "A page shows an old time or an old number of seats",
        "The count of seats is wrong",
        "Pictures fail",
    ],
    "insights": ["The figures are old"],
}


class TestRunbookOfTasks:
    def test_runs_as_written(self, desk_project: Path, desk: str) -> None:
        runbook = Runbook(desk_project, "tasks")
        python(desk_project, FAIL)

        printed = {
            title: [runbook.run(title, number=n) for n in range(len(blocks))]
            for title, blocks in runbook.blocks.items()
        }

        without_commands = [title for title, blocks in printed.items() if not blocks]
        assert without_commands == ["The broker in files (development, one machine)"]
        assert "bookings.send_confirmation" in printed["What is going on?"][0]
        assert re.search(r"^mail \d+$", printed["The queue grows"][0], re.M)
        assert "extra@" in printed["The queue grows"][1]
        (failed,) = printed.pop("A task failed")
        assert "runbook " in failed
        assert "1 replayed." in failed
        others = "".join(text for texts in printed.values() for text in texts)
        assert "Traceback" not in others
        assert not re.search(r"^\S+ \[error ", re.sub(r"\x1b\[[\d;]*m", "", others), re.M), others


class TestRunbooksOfApps:
    def test_have_no_block_that_is_not_run(self, desk_project: Path) -> None:
        names = {path.stem for path in (desk_project / "docs/runbooks").iterdir()}

        assert {
            name: [
                title for title, found in Runbook(desk_project, name).blocks.items() for _ in found
            ]
            for name in names - {"backup", "tasks"}  # these have tests of their own
        } == RUN

    def test_look_at_the_workers_as_the_runbook_of_tasks_does(self, desk_project: Path) -> None:
        queues = "uv run celery -A config inspect active_queues"

        assert Runbook(desk_project, "tasks").blocks["The queue grows"][0].endswith(f"{queues}\n")
        for name in ("bookings", "insights"):
            assert f"`{queues}`" in Runbook(desk_project, name).text
