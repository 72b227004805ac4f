"""`trellis ci`: run every check that CI runs, one after the other, to the end.

A failing step does not stop the ones after it. The last lines name the steps that failed.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """A named check and its command."""

    name: str
    command: tuple[str, ...]


def python(*arguments: str) -> tuple[str, ...]:
    """Return a command of this environment's Python, also where the environment is not active."""
    return (sys.executable, *arguments)


# On GitHub, the findings of the layout check are shown on their lines of the pull request.
ANNOTATIONS = ("--format", "github") if os.environ.get("GITHUB_ACTIONS") else ()

# What production needs. Nothing is connected to, and none of the values is used.
PRODUCTION = (
    *("env", "IGNORE_ENV_FILE=1", "DJANGO_ENV=production", "ALLOWED_HOSTS=example.com"),
    "SECRET_KEY=only-to-check-the-settings-of-production-1234567890",
    *("DATABASE_URL=postgres://unused/unused", "CACHE_URL=redis://unused"),
    *("CELERY_BROKER_URL=redis://unused/1", "STORAGE_URL=file:///unused"),
    *("EMAIL_URL=smtp://unused", "DEFAULT_FROM_EMAIL=unused@example.com"),
)

STEPS = (
    Step("lint", python("-m", "ruff", "check", ".")),
    Step("format", python("-m", "ruff", "format", "--check", ".")),
    Step("layout", python("-m", "trellis", "check", *ANNOTATIONS)),
    Step("types", python("-m", "mypy", ".")),
    Step("django", python("manage.py", "check", "--fail-level", "WARNING")),
    Step(
        "deployment",
        (*PRODUCTION, *python("manage.py", "check", "--deploy", "--fail-level", "WARNING")),
    ),
    Step("migrations", python("manage.py", "makemigrations", "--check", "--dry-run")),
    Step("tests", python("-m", "pytest", "-q")),
)


def main(*, steps: tuple[Step, ...] = STEPS) -> int:
    """Run all steps; return the exit status: 1 if any failed."""
    failed = [step for step in steps if not passes(step)]
    if not failed:
        print("Everything passed.")
        return 0
    print(f"Failed: {', '.join(step.name for step in failed)}. To repeat one:", file=sys.stderr)
    for step in failed:
        command = " ".join("python" if word == sys.executable else word for word in step.command)
        print(f"  {step.name:<12}uv run {command}", file=sys.stderr)
    return 1


def passes(step: Step) -> bool:
    """Run a step, print its time, and its output if it fails; return whether it passed."""
    print(f"{step.name:<12}", end="", flush=True)
    started = time.monotonic()
    done = subprocess.run(step.command, capture_output=True, text=True)
    seconds = time.monotonic() - started
    print(f"{seconds:6.1f} s  {'FAILED' if done.returncode else 'ok'}", flush=True)
    if done.returncode:
        print(f"{done.stdout}{done.stderr}", flush=True)
    return not done.returncode
