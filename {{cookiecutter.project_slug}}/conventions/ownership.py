"""Whose what is: teams.toml, each app's OWNERS.toml, and what is derived from them.

Standard library only: the layout check uses it before anything is installed.
"""

import functools
import re
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
LIFECYCLES = ("experimental", "production", "deprecated")
PROFILES = ("layered", "crud")
NEEDED = ("team", "purpose", "lifecycle", "runbook")
KNOWN = (*NEEDED, "depends_on", "profile")
HEADER = "# Derived from teams.toml and apps/*/OWNERS.toml by `make owners`. Do not edit.\n"


class Malformed(Exception):
    """A file that says who owns what cannot be understood."""

    def __init__(self, message: str, *, line: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


def read_owners(path: Path) -> dict[str, Any]:
    """Return what an OWNERS.toml says. Raises `Malformed` with the line and the fix."""
    owners = _read(path)
    for key in NEEDED:
        if not isinstance(owners.get(key), str) or not owners[key].strip():
            raise Malformed(f'it has no {key}. Add {key} = "…".', line=_line(path, key))
    for key in owners:
        if key not in KNOWN:
            known = ", ".join(KNOWN)
            raise Malformed(f"it has no use for {key!r}. Known: {known}.", line=_line(path, key))
    for key, choices in (("lifecycle", LIFECYCLES), ("profile", PROFILES)):
        if key in owners and owners[key] not in choices:
            said = f"{key} cannot be {owners[key]!r}"
            raise Malformed(f"{said}. One of: {', '.join(choices)}.", line=_line(path, key))
    depends_on = owners.get("depends_on", [])
    if not isinstance(depends_on, list) or not all(isinstance(n, str) for n in depends_on):
        raise Malformed(
            'depends_on is no list of apps. Write depends_on = ["catalog"].',
            line=_line(path, "depends_on"),
        )
    return owners


def read_teams(path: Path) -> dict[str, dict[str, Any]]:
    """Return each team's table by its name. Raises `Malformed`."""
    teams = _read(path)
    for name, table in teams.items():
        if not isinstance(table, dict) or not isinstance(table.get("contact"), str):
            raise Malformed(
                f'team {name!r} has no contact. Add contact = "#channel" under [{name}].',
                line=_line(path, f"[{name}]"),
            )
    return teams


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Malformed("it does not exist. Copy another app's and say whose it is.") from None
    except OSError as error:
        raise Malformed(f"it cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise Malformed("it is not UTF-8. Save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at line (\d+)", str(error))
        line = int(place[1]) if place else len(path.read_text(encoding="utf-8").splitlines())
        raise Malformed(f"it is not valid TOML: {error}.", line=line) from None


def _line(path: Path, start: str) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((n for n, line in enumerate(lines, 1) if line.strip().startswith(start)), 1)


def codeowners(*, root: Path) -> str:
    """Return the text of .github/CODEOWNERS. Raises `Malformed`."""
    teams = read_teams(root / "teams.toml")
    lines = [HEADER]
    for path in sorted((root / "apps").glob("*/OWNERS.toml")):
        team = read_owners(path)["team"]
        table = teams.get(team, {})
        contact = table.get("contact", "")
        handle = table.get("github") or ("" if contact.startswith("#") else contact)
        if handle:
            lines.append(f"/apps/{path.parent.name}/ {handle}\n")
        else:
            lines.append(
                f"# /apps/{path.parent.name}/ is {team}'s: give it a `github` in teams.toml\n"
            )
    return "".join(lines)


@functools.cache
def team_of_module(*, module: str) -> str:
    """Return the team that owns a dotted module of an app; "" for what no app owns."""
    parts = module.split(".")
    if parts[0] != "apps" or len(parts) < 2:
        return ""
    return str(read_owners(ROOT / "apps" / parts[1] / "OWNERS.toml")["team"])


@functools.cache
def team_of_the_house() -> str:
    """Return the first team of teams.toml: it answers for what all apps share."""
    return next(iter(read_teams(ROOT / "teams.toml")), "")


class Owner(NamedTuple):
    """Who answers for something, and how to reach them."""

    app: str
    team: str
    contact: str
    runbook: str


def owner_of(*, app: str, root: Path = ROOT) -> Owner:
    """Return who owns an app, or `conventions`. Raises `Malformed`."""
    teams = read_teams(root / "teams.toml")
    if app == "conventions":
        owners = {"team": next(iter(teams), ""), "runbook": "docs/runbooks/tasks.md"}
    else:
        owners = read_owners(root / "apps" / app / "OWNERS.toml")
    contact = teams.get(owners["team"], {}).get("contact", "")
    return Owner(app=app, team=owners["team"], contact=contact, runbook=owners["runbook"])


def runbook_of_task(*, name: str) -> str:
    """Return the runbook of the app a task is named after, if it (still) has one, or of tasks."""
    try:
        return owner_of(app=name.partition(".")[0]).runbook
    except Malformed:
        return owner_of(app="conventions").runbook
