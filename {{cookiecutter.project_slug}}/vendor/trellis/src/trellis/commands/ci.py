"""`python -m trellis.commands.ci`: every check, one after the other, to the end.

A failing step does not hide the ones after it; the summary names each with its time, and the
exit status is 1 if any failed.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One named check and its command."""

    name: str
    command: tuple[str, ...]


# On GitHub, what the layout check finds is shown on its line of the pull request.
ANNOTATED = ("--format", "github") if os.environ.get("GITHUB_ACTIONS") else ()

STEPS = (
    Step("lint", ("ruff", "check", ".")),
    Step("format", ("ruff", "format", "--check", ".")),
    Step("layout", (sys.executable, "-m", "trellis", "check", *ANNOTATED)),
    Step("types", ("mypy", ".")),
    Step("django", (sys.executable, "manage.py", "check", "--fail-level", "WARNING")),
    Step("migrations", (sys.executable, "manage.py", "makemigrations", "--check", "--dry-run")),
    Step("tests", (sys.executable, "-m", "pytest", "-q", "-n", "auto")),
)


def run(*, steps: tuple[Step, ...]) -> list[str]:
    """Run each step, its output shown when it fails. Returns the names of those that failed."""
    failed = []
    for step in steps:
        print(f"{step.name:<12}", end="", flush=True)  # what it is at, for whoever waits
        started = time.monotonic()
        done = subprocess.run(step.command, capture_output=True, text=True)
        passed = done.returncode == 0
        seconds = time.monotonic() - started
        print(f"{seconds:6.1f} s  {'ok' if passed else 'FAILED'}", flush=True)
        if not passed:
            failed.append(step.name)
            print(f"$ {' '.join(step.command)}\n{done.stdout}{done.stderr}", flush=True)
    return failed


def main() -> int:
    """Run all of them; return the exit status."""
    if failures := run(steps=STEPS):
        print(f"Failed: {', '.join(failures)}", file=sys.stderr)
        return 1
    print("Everything passed.")
    return 0
