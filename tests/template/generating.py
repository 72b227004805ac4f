"""Generation as a user starts it: the real command, in a process and a home of its own."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = "{" + "{cookiecutter.project_slug}" + "}"
QUESTIONS = ("project_name", "project_slug", "description", "team", "team_contact", "starter")
PASSED_ON = ("PATH", "SYSTEMROOT", "LANG", "LC_ALL")


@dataclass(frozen=True)
class Generation:
    """What a run of cookiecutter left: its exit code, all it printed in order, and its files."""

    code: int
    said: list[str]
    place: Path

    @property
    def project(self) -> Path:
        (project,) = self.place.iterdir()
        return project


def template_copy(*, to: Path) -> Path:
    """Copy the template as a clone would hold it: without caches, environments and builds."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    wanted = ("cookiecutter.json", "hooks/", FOLDER + "/")
    for name in filter(None, listed.split("\0")):
        if name.startswith(wanted) and (ROOT / name).exists():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name, follow_symlinks=False)
    return to


def generate(
    *,
    template: Path,
    scratch: Path,
    answers: dict[str, str] | None = None,
    typed: dict[str, str] | None = None,
    arguments: tuple[str, ...] = (),
    environment: dict[str, str] | None = None,
    python: str = sys.executable,
) -> Generation:
    """Generate into `scratch/place`, with `answers` as arguments or `typed` at the prompts."""
    place = scratch / "place"
    home, temporary = scratch / "home", scratch / "temporary"
    for folder in (place, home, temporary):
        folder.mkdir(exist_ok=True)
    command = [python, "-m", "cookiecutter", str(template), "--output-dir", str(place)]
    if typed is None:
        command.append("--no-input")
    ended = subprocess.run(
        [*command, *arguments, *(f"{key}={value}" for key, value in (answers or {}).items())],
        cwd=scratch,
        input="".join(typed.get(q, "") + "\n" for q in QUESTIONS) if typed is not None else "",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=120,
        check=False,
        env={
            **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
            "PYTHONUTF8": "1",
            "HOME": str(home),
            "USERPROFILE": str(home),
            "TMPDIR": str(temporary),
            "PWD": str(scratch),
            **(environment or {}),
        },
    )
    return Generation(code=ended.returncode, said=ended.stdout.splitlines(), place=place)


def files_of(project: Path) -> dict[str, bytes]:
    """Every file of a project by its path: what two generations are compared by."""
    return {
        path.relative_to(project).as_posix(): path.read_bytes()
        for path in sorted(project.rglob("*"))
        if path.is_file()
    }
