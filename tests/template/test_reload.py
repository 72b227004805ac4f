"""`make dev` while somebody edits: the worker and beat run the new code, and lose no task."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import demo
from tests.template.living import copy_of

CLIENTS = "apps/bookings/clients.py"


@dataclass(frozen=True)
class Edited:
    """A project under `make dev`, whose files a test edits."""

    project: Path
    address: str

    def log(self) -> str:
        return (self.project / "var/dev.log").read_text()

    def edit(self, path: str, old: str, new: str) -> None:
        file = self.project / path
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))

    def wait(self, true: Callable[[], bool], what: str, *, seconds: float = 60) -> None:
        demo.wait_until(true, seconds=seconds, what=f"{what}:\n{self.log()[-3000:]}")

    def wait_for_another(self, line: str, *, than: int) -> None:
        self.wait(lambda: self.log().count(line) > than, line)

    def book(self) -> None:
        """Book a seat that costs nothing, so that it is confirmed at once."""
        self.wait(lambda: demo.answers(f"{self.address}/health/ready"), "the web server")
        visitor = demo.Visitor(self.address)
        visitor.sign_in("demo@example.com")
        free = [one["public_id"] for one in visitor.sessions() if one["price_cents"] == 0]
        statuses = (visitor.book(public_id)[0] for public_id in reversed(free))
        assert 201 in statuses

    def mails(self) -> list[str]:
        texts = [path.read_text() for path in (self.project / "var/mail").glob("*.log")]
        return [text for text in texts if text.endswith("-" * 79 + "\n")]  # written to the end


@pytest.fixture
def edited(desk_project: Path, tmp_path: Path) -> Iterator[Edited]:
    project = copy_of(desk_project, tmp_path / "desk")
    with demo.running(project) as address:
        yield Edited(project, address)


class TestMakeDev:
    def test_runs_new_code_in_worker_and_beat_after_a_syntax_error_was_mended(
        self, edited: Edited
    ) -> None:
        edited.edit(CLIENTS, '"""The', 'def (\n"""The')
        edited.wait_for_another("SyntaxError: invalid syntax", than=1)  # each tells its own

        beats, ready = edited.log().count("beat: Starting"), edited.log().count("ready.")
        edited.edit(CLIENTS, "def (\n", "")
        edited.edit(CLIENTS, "Your seat", "Your chair")
        edited.wait_for_another("beat: Starting", than=beats)
        edited.wait_for_another("ready.", than=ready)
        edited.book()

        edited.wait(lambda: bool(edited.mails()), "the mail")
        assert "Your chair" in edited.mails()[0]

    def test_finishes_the_task_in_progress_before_it_reloads(self, edited: Edited) -> None:
        ready = edited.log().count("ready.")
        slow = 'print("task is busy"); __import__("time").sleep(6)\n    mail.EmailMessage('
        edited.edit(CLIENTS, "mail.EmailMessage(", slow)
        edited.wait_for_another("ready.", than=ready)
        edited.book()
        edited.wait_for_another("task is busy", than=0)

        edited.edit(CLIENTS, "sleep(6)", "sleep(0)")
        edited.wait_for_another("ready.", than=ready + 1)
        time.sleep(3)  # in which a second delivery would mail again

        assert len(edited.mails()) == 1
        assert edited.log().count("task is busy") == 1

    def test_leaves_the_task_in_progress_to_the_next_worker_when_it_stops(
        self, desk_project: Path, tmp_path: Path
    ) -> None:
        project = copy_of(desk_project, tmp_path / "desk")
        with demo.running(project) as address:
            desk = Edited(project, address)
            ready = desk.log().count("ready.")
            slow = 'print("task is busy"); __import__("time").sleep(60)\n    mail.EmailMessage('
            desk.edit(CLIENTS, "mail.EmailMessage(", slow)
            desk.wait_for_another("ready.", than=ready)
            desk.book()
            desk.wait_for_another("task is busy", than=0)

        desk.edit(CLIENTS, "sleep(60)", "sleep(0)")
        with demo.running(project):
            # Where the worker was too slow to stop, its claim ends 70 seconds after it began.
            desk.wait(lambda: len(desk.mails()) == 1, "the mail", seconds=150)
