"""Every command in the runbook of tasks is run, as it is written, while the project runs."""

import os
import re
from pathlib import Path

import demo

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


def blocks_of(text: str) -> dict[str, list[str]]:
    """Return the `sh` blocks of each section, by its title."""
    _, *parts = re.split(r"^## (.+)\n", text, flags=re.M)
    return {
        title: re.findall(r"^```sh\n(.*?)^```", body, re.M | re.S)
        for title, body in zip(parts[::2], parts[1::2], strict=True)
    }


class TestRunbookOfTasks:
    def test_runs_as_written(self, desk_project: Path, desk: str) -> None:
        runbook = blocks_of((desk_project / "docs/runbooks/tasks.md").read_text())
        # `python` and `celery` are the project's.
        path = f"PATH={desk_project / '.venv/bin'}:{os.environ['PATH']}"
        shell = ["env", path, "python", "manage.py", "shell", "--no-imports", "-c"]
        demo.run([*shell, FAIL], cwd=desk_project)

        printed = {
            title: [
                demo.run(["env", path, "sh", "-ec", block], cwd=desk_project) for block in blocks
            ]
            for title, blocks in runbook.items()
        }

        without_commands = [title for title, blocks in runbook.items() if not blocks]
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
