"""`trellis drift`: how the complexity of each app grew, month by month, from git's history.

The last commit of each month counts, on the first-parent line. Tests and migrations do not count. A
shallow clone shows only what it has: run `git fetch --unshallow` before.
"""

import io
import re
import subprocess
import sys
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from trellis.checks import habits, project
from trellis.checks.settings import Settings


class NoHistory(Exception):
    """There is nothing to show, for the reason given."""


class Figures(NamedTuple):
    """The size of one app at the end of one month. Calls that return nothing are no statements."""

    doors: int  # statements in views, APIs, commands and other doors
    longest: int  # statements in the longest service
    uses: int  # other apps that it imports
    tasks: int


ROW = "{:<20} {:>8} {:>6} {:>8} {:>5} {:>6}"
LEGEND = (
    "DOORS and LONGEST count statements, in all doors and in the longest service. USES: other apps."
)


def main(*, since: str, root: Path) -> int:
    """Print a table from the month `since` on (""; a year ago); return the exit status."""
    today = datetime.now(UTC)
    first = since or f"{today.year - 1}-{today.month:02}"
    try:
        if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", first):
            raise NoHistory(f"{first!r} is not a month. Write 2026-01.")
        figures = read(root=root, since=first)
    except NoHistory as error:
        print(error, file=sys.stderr)
        return 2
    print(ROW.format("APP", "MONTH", "DOORS", "LONGEST", "USES", "TASKS"))
    for app, month in sorted(figures):
        print(ROW.format(app, month, *figures[app, month]))
    print(LEGEND)
    return 0


def read(*, root: Path, since: str) -> dict[tuple[str, str], Figures]:
    """Return the figures by app and month, of months with a commit. Raises `NoHistory`."""
    log = _git("log", "--first-parent", "--format=%cs %H", root=root).decode().splitlines()
    # The newest commit is the first line, and the last one to be kept for its month.
    commits = {line[:7]: line.partition(" ")[2] for line in reversed(log)}
    figures = {
        (app.name, month): _figures(app)
        for month, commit in commits.items()
        if month >= since
        for app in _apps(commit, root=root)
    }
    if not figures:
        raise NoHistory(f"No commit since {since} has an app in apps/.")
    return figures


def _git(*arguments: str, root: Path) -> bytes:
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True)
    except FileNotFoundError:
        raise NoHistory("Drift reads git's history, and git is not on the PATH.") from None
    if done.returncode:
        message = (done.stderr.decode(errors="replace").strip().splitlines() or [""])[0]
        raise NoHistory(f"Drift reads git's history. {message}")
    return done.stdout


def _apps(commit: str, *, root: Path) -> list[project.App]:
    """Return the apps of a commit, as the layout check reads them."""
    with TemporaryDirectory() as folder:
        try:
            packed = _git("archive", "--format=tar", commit, "apps", root=root)
        except NoHistory:  # there was no folder apps/
            return []
        with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            tar.extractall(folder, filter="data")
        return project.read(Path(folder), settings=Settings()).apps


def _figures(app: project.App) -> Figures:
    blocks = [(module, block) for module in app.modules for block in module.names.blocks]
    imports = [one.dotted for module in app.modules for one in module.names.imports]
    used = {dotted.split(".")[1] for dotted in imports if dotted.startswith("apps.")}
    services = [block.statements for module, block in blocks if module.layer == "services"]
    return Figures(
        doors=sum(block.statements for module, block in blocks if module.group == "doors"),
        longest=max(services, default=0),
        uses=len(used - {app.name}),
        tasks=sum(habits.is_task(block) for _, block in blocks),
    )
