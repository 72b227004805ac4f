"""Generation as a user starts it: the real command, in a process and a home of its own."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
FOLDER = "{" + "{cookiecutter.project_slug}" + "}"
QUESTIONS = ("project_name", "project_slug", "description", "team", "team_contact", "starter")
DEFAULTS = {
    "project_name": "Workshop Desk",
    "project_slug": "workshop-desk",
    "description": "A Django and Celery project in which everything has a home.",
    "team": "platform",
    "team_contact": "#platform",
    "starter": "example",
}
COPIED_WITHOUT_RENDERING: list[str] = json.loads(
    (ROOT / "cookiecutter.json").read_text(encoding="utf-8")
)["_copy_without_render"]
PASSED_ON = ("PATH", "SYSTEMROOT", "LANG", "LC_ALL")


@dataclass(frozen=True)
class Generation:
    """What a run of cookiecutter left: its exit code, the lines it printed, and its files."""

    code: int
    output: list[str]
    place: Path

    @property
    def project(self) -> Path:
        assert self.code == 0, "\n".join(self.output)
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
    template: Path | str,
    scratch: Path,
    answers: dict[str, str] | None = None,
    typed: dict[str, str] | None = None,
    arguments: tuple[str, ...] = (),
    environment: dict[str, str] | None = None,
) -> Generation:
    """Generate into `scratch/place`, started in `scratch`, and wait at most two minutes for it.

    `answers` are given as arguments, `typed` ones at the prompts (an empty line for the others).
    Without `typed` nothing is asked, but for a replay file, which excludes `--no-input`.
    """
    place, home, temporary = (scratch / name for name in ("place", "home", "temporary"))
    for folder in (place, home, temporary):
        folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "cookiecutter", str(template), "--output-dir", str(place)]
    if typed is None and "--replay-file" not in arguments:
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
    return Generation(code=ended.returncode, output=ended.stdout.splitlines(), place=place)


def load_hook(name: str) -> ModuleType:
    """Import a hook as it stands, so that a test can call its functions."""
    path = ROOT / "hooks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def git(*arguments: str, at: Path) -> str:
    """Run git in a folder, as Ada; return what it printed."""
    command = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", *arguments]
    return subprocess.run(command, cwd=at, check=True, capture_output=True, text=True).stdout


def commit_all(folder: Path) -> Path:
    """Commit all there is in a folder, ignored files too; make it a repository if it is none."""
    if not (folder / ".git").exists():
        git("init", "-q", at=folder)
    git("add", "-A", "-f", at=folder)
    git("commit", "-qm", "Another day", at=folder)
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file of a folder by its path, but for git's own: to compare two folders by."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }
