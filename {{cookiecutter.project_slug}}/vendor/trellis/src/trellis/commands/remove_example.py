"""`python -m trellis.commands.remove_example`: take the workshop example out, keep everything else.

Deletes the paths below, every line that ends in an example marker, the Makefile's target for it,
and at last this file. From then on the project follows its template without the example. Look at
the result with `git diff` before you commit it.
"""

import os
import shutil
import sys
from pathlib import Path

from trellis import ownership

EXAMPLE_PATHS = (
    "apps/bookings",
    "apps/catalog",
    "apps/insights",
    "docs/follow-one-booking.md",
    "docs/runbooks/bookings.md",
    "docs/runbooks/catalog.md",
    "docs/runbooks/insights.md",
)
MARKERS = (b"# example", b"<!-- example -->", b"{# example #}")
BEGINS, ENDS = b"<!-- example begins -->", b"<!-- example ends -->"
TARGET = b"remove-example:"
NOT_OURS = {".git", "vendor", ".venv", ".tools", "node_modules", "var"}


def in_the_way(*, root: Path) -> list[str]:
    """Say which apps of your own use one of the example's. Raises `ownership.Malformed`."""
    going = {path.removeprefix("apps/") for path in EXAMPLE_PATHS if path.startswith("apps/")}
    said = []
    for path in sorted(root.glob("apps/*/OWNERS.toml")):
        if path.parent.name not in going:
            used = going.intersection(ownership.read_owners(path).get("depends_on", []))
            said += [f"{path.relative_to(root)} depends on {name}, which goes." for name in used]
    return said


def remove_example(*, root: str | Path) -> None:
    """Leave `root` as if the example had never been there. Safe to repeat."""
    for path in EXAMPLE_PATHS:
        _delete(Path(root, path))
    for folder, inside, names in os.walk(root):
        inside[:] = sorted(name for name in inside if name not in NOT_OURS)
        for name in names:
            _rewrite(Path(folder, name))
    record = Path(root, ".cruft.json")
    if record.is_file():
        answers = record.read_bytes()
        record.write_bytes(answers.replace(b'"starter": "example"', b'"starter": "empty"'))


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _rewrite(path: Path) -> None:
    if path.is_symlink() or not path.is_file():
        return  # a link may lead outside, or nowhere
    before = path.read_bytes()
    lines = _without_marked(before.splitlines(keepends=True))
    if path.name == "Makefile":
        lines = _without_target(lines)
    after = b"".join(lines)
    if after != before:
        path.write_bytes(after)


def _without_marked(lines: list[bytes]) -> list[bytes]:
    """Drop the lines that end in a marker, and those between the two marks of a passage."""
    kept: list[bytes] = []
    inside = dropped = False
    for line in lines:
        inside = inside or line.startswith(BEGINS)
        if inside or line.rstrip().endswith(MARKERS):
            dropped = True
        else:
            if dropped and not line.strip():
                # The empty lines above what went go along, since those beneath it stay.
                while kept and not kept[-1].strip():
                    kept.pop()
            kept.append(line)
            dropped = False
        inside = inside and not line.startswith(ENDS)
    return kept


def _without_target(lines: list[bytes]) -> list[bytes]:
    """Drop the target's line, its recipe and the empty line above it."""
    kept: list[bytes] = []
    inside = False
    for line in lines:
        if line.startswith(TARGET):
            inside = True
            if kept and not kept[-1].strip():
                kept.pop()
        elif inside and line.startswith(b"\t"):
            continue
        else:
            inside = False
            kept.append(line)
    return kept


def main(*, root: Path) -> int:
    """Take the example out unless an app of your own needs it; return the exit status."""
    try:
        found = in_the_way(root=root)
    except ownership.Malformed as error:
        print(error, file=sys.stderr)
        return 1
    if found:
        print("\n".join([*found, "Do without it first. Nothing was deleted."]), file=sys.stderr)
        return 1
    remove_example(root=root)
    print("The example is gone. Next: make check")
    print("The database still has its tables: stop everything, delete var/, and make setup.")
    return 0
