"""The runbook of the tasks: every command in it, as it is written, while the project runs."""

import os
import re
from pathlib import Path

import demo


def sections(text: str) -> dict[str, list[str]]:
    """Title → `sh` blocks of each section."""
    _, *parts = re.split(r"^## (.+)\n", text, flags=re.M)
    return {
        title: re.findall(r"^```sh\n(.*?)^```", body, re.M | re.S)
        for title, body in zip(parts[::2], parts[1::2], strict=True)
    }


class TestRunbookOfTheTasks:
    def test_runs_as_written(self, desk_project: Path, desk: str) -> None:
        runbook = sections((desk_project / "docs/runbooks/tasks.md").read_text())
        # `python` and `celery` are those of the project, wherever they are typed.
        path = f"PATH={desk_project / '.venv/bin'}:{os.environ['PATH']}"
        a_failure_to_show = (
            "from trellis.models import FailedTask; from django.utils import timezone\n"
            "at = timezone.now()\n"
            "FailedTask.objects.get_or_create(pk=1, defaults={'task_id': 'of the runbook', 'name':"
            " 'trellis.delete_old_failures', 'first_failed_at': at, 'last_failed_at': at})"
        )
        demo.run(
            ["env", path, "python", "manage.py", "shell", "--no-imports", "-c", a_failure_to_show],
            cwd=desk_project,
        )

        said = {
            title: [demo.run(["env", path, "sh", "-ec", block], cwd=desk_project) for block in code]
            for title, code in runbook.items()
        }

        without = [title for title, code in runbook.items() if not code]
        assert without == ["The broker in files (development, one machine)"]
        assert "bookings.send_confirmation" in said["What is going on?"][0]
        assert re.search(r"^mail \d+$", said["The queue grows"][0], re.M)
        assert "extra@" in said["The queue grows"][1]
        printed = re.sub(
            r"\x1b\[[\d;]*m", "", "".join(text for texts in said.values() for text in texts)
        )
        assert not re.search(r"^\S+ \[error ", printed, re.M), printed
        (of_a_failure,) = said.pop("A task failed")  # with its traceback
        assert "runbook " in of_a_failure
        assert "Traceback" not in "".join(text for texts in said.values() for text in texts)
