"""The runbooks of a project, whose commands tests run as they are written."""

import os
import pty
import re
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import demo
from tests.template.living import log_lines


def blocks_of(text: str) -> dict[str, list[str]]:
    """Return the `sh` blocks of each section, by its title."""
    _, *parts = re.split(r"^## (.+)\n", text, flags=re.M)
    return {
        title: re.findall(r"^```sh\n(.*?)^```", body, re.M | re.S)
        for title, body in zip(parts[::2], parts[1::2], strict=True)
    }


@dataclass(frozen=True)
class Runbook:
    """One runbook of a project."""

    project: Path
    name: str

    @property
    def text(self) -> str:
        return (self.project / f"docs/runbooks/{self.name}.md").read_text()

    @property
    def prose(self) -> str:
        """The text, with spaces instead of line breaks."""
        return " ".join(self.text.split())

    @property
    def blocks(self) -> dict[str, list[str]]:
        return blocks_of(self.text)

    def run(self, title: str, *, number: int = 0, replace: Mapping[str, str] | None = None) -> str:
        """Run a block of a section and return what it printed.

        `replace`: what a reader replaces, such as the id in an example.
        """
        return self.run_command(self.blocks[title][number], replace=replace)

    def run_command(self, command: str, *, replace: Mapping[str, str] | None = None) -> str:
        """Run a command that the runbook has. Raises `DemoFailed`."""
        assert command in self.text
        for old, new in (replace or {}).items():
            assert old in command
            command = command.replace(old, new)
        return demo.run(self._shell(command), cwd=self.project)

    def type_into(self, title: str, answers: Mapping[str, str]) -> None:
        """Run the block of a section on a terminal, and type an answer after each prompt."""
        (block,) = self.blocks[title]
        keyboard, terminal = pty.openpty()
        with subprocess.Popen(
            self._shell(block),
            cwd=self.project,
            env=demo.clean_environment(),
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # so that a password is asked for there, and not where we run
        ) as process:
            assert process.stdout
            # So that a prompt that never comes fails the test.
            end = threading.Timer(60, os.killpg, (process.pid, signal.SIGKILL))
            end.start()
            printed = ""
            for prompt, answer in answers.items():
                while not printed.endswith(prompt):
                    letter = process.stdout.read(1)
                    assert letter, f"The prompt {prompt!r} did not come:\n{printed}"
                    printed += letter
                os.write(keyboard, f"{answer}\n".encode())
            printed += process.stdout.read()
            end.cancel()
        os.close(keyboard)
        os.close(terminal)
        assert process.returncode == 0, printed

    def _shell(self, command: str) -> list[str]:
        # `python` and `celery` are the project's.
        path = f"PATH={self.project / '.venv/bin'}:{os.environ['PATH']}"
        return ["env", path, "sh", "-ec", command]


def sql(project: Path, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Change or read rows as somebody does who does not ask the services."""
    file = project / "var/db.sqlite3"
    with closing(sqlite3.connect(file, timeout=20)) as database, database:
        return database.execute(statement, values).fetchall()


def wait(true: Callable[[], bool], what: str) -> None:
    demo.wait_until(true, seconds=60, what=what)


def wait_for_run(project: Path, called: str) -> None:
    """Wait until a worker has done what `celery call` enqueued. It prints the id."""
    task_id = called.split()[-1]
    wait(
        lambda: task_id in [line["task_id"] for line in log_lines(project, "task_succeeded")],
        f"the task {task_id}",
    )
