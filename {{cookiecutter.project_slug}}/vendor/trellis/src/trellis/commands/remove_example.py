"""`trellis remove-example`: take the workshop example out of a project and keep everything else.

The post-generation hook calls it too, for `starter=empty`. Standard library only, Python 3.11.
"""

import re
import shutil
import sys
from pathlib import Path

from trellis import ownership

EXAMPLE_APPS = ("bookings", "catalog", "insights")
EXAMPLE_PATHS = (
    *(f"apps/{app}" for app in EXAMPLE_APPS),
    *(f"docs/runbooks/{app}.md" for app in EXAMPLE_APPS),
    "docs/follow-one-booking.md",
)
# The files in which passages or lines of the example are marked.
MARKED_FILES = (
    "*.md",
    "*.toml",
    "Makefile",
    "config/*.py",
    "docs/**/*.md",
    "templates/**/*.html",
    "tests/*.py",
)
PASSAGE = re.compile(
    rb"^(?:<!--|#) example begins\b.*?^(?:<!--|#) example ends\b[^\n]*\n(?:\r?\n)?", re.M | re.S
)
LINE = re.compile(rb"^[^\n]*(?:# example|\{# example #\})[ \t]*\r?\n", re.M)


def remove_example(*, root: Path) -> None:
    """Leave the project in `root` as if it had been generated without the example.

    Everything is read before anything is changed. Raises `OSError` where a file cannot be read or
    written. Links are not followed. Calling it again changes nothing.
    """
    root = root.resolve()
    files = [path for pattern in MARKED_FILES for path in sorted(root.glob(pattern))]
    texts = {path: path.read_bytes() for path in files if path.is_file() and path.resolve() == path}
    for path, text in texts.items():
        without = PASSAGE.sub(b"", text)
        if path.suffix != ".md":  # where `# example` is a heading
            without = LINE.sub(b"", without)
        if without != text:
            path.write_bytes(without)
    for path in (root / name for name in EXAMPLE_PATHS):
        if path.parent.resolve() != path.parent:
            continue  # behind a link
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    record = root / ".cruft.json"
    if record.is_file():  # an update must not bring the example back
        answers = record.read_bytes()
        record.write_bytes(answers.replace(b'"starter": "example"', b'"starter": "empty"'))


def _apps_that_use_it(root: Path) -> list[str]:
    """Return one line for each use of the example by another app. Raises `ownership.Malformed`."""
    return [
        f"{path.relative_to(root)} depends on {name}, which belongs to the example."
        for path in sorted(root.glob("apps/*/OWNERS.toml"))
        if path.parent.name not in EXAMPLE_APPS
        for name in ownership.read_owners(path).get("depends_on", [])
        if name in EXAMPLE_APPS
    ]


def main(*, root: Path) -> int:
    """Remove the example unless an app of yours uses it; return the exit status."""
    try:
        uses = _apps_that_use_it(root)
    except ownership.Malformed as error:
        uses = [str(error)]
    if uses:
        print(*uses, "Nothing was deleted.", sep="\n", file=sys.stderr)
        return 1
    try:
        remove_example(root=root)
        ownership.write(root=root)
    except (OSError, ownership.Malformed) as error:
        print(f"{error}\nMend that and run it again: it goes on where it stopped.", file=sys.stderr)
        return 1
    print("The example is removed. Look at `git diff`, then run `make check`.")
    print("The database still has its tables: stop everything, delete var/, run `make setup`.")
    return 0
