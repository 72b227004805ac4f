"""Small projects to check: four apps, and the files that a test adds to them."""

from datetime import date
from pathlib import Path
from textwrap import dedent

from trellis import ownership
from trellis.checks import layout
from trellis.checks.rules import Finding

TODAY = date(2027, 3, 1)
# bookings may use accounts and catalog; insights may use nothing.
DEPENDS_ON = {
    "accounts": [],
    "catalog": [],
    "bookings": ["accounts", "catalog"],
    "insights": [],
}
OWNERS = """\
team = "platform"
purpose = "Something"
runbook = "README.md"
depends_on = {depends_on}
"""


def make(root: Path, files: dict[str, str] | None = None) -> Path:
    """Write a project that is clean, and `files` by their path from its root; return the root."""
    write(root, "README.md", "# Desk")
    write(root, "teams.toml", '[platform]\ncontact = "#platform"\n')
    write(root, "config/settings.py", 'AUTH_USER_MODEL = "accounts.User"\n')
    write(root, "apps/__init__.py", "")
    for name, depends_on in DEPENDS_ON.items():
        write(root, f"apps/{name}/__init__.py", "")
        owners = OWNERS.format(depends_on=str(depends_on).replace("'", '"'))
        write(root, f"apps/{name}/OWNERS.toml", owners)
    ownership.write(root=root)
    for path, text in (files or {}).items():
        write(root, path, text)
    return root


def write(root: Path, path: str, text: str) -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(dedent(text), encoding="utf-8")
    return file


def check(root: Path, *, today: date = TODAY) -> list[Finding]:
    return layout.check(root=root, today=today)


def places(root: Path, rule: str) -> set[str]:
    """Return where a rule is broken, as "path:line"."""
    return {f"{one.path}:{one.line}" for one in check(root) if one.rule == rule}
