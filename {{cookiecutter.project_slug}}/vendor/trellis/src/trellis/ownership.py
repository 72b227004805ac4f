"""Who owns what: `teams.toml`, the `OWNERS.toml` of each app, and CODEOWNERS made from them.

Standard library only, and valid Python 3.11: the generation hook uses it before anything is
installed. Only the functions at the end are for a running project, and use its settings.
"""

import contextlib
import functools
import os
import re
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

StrPath = str | os.PathLike[str]
Teams = dict[str, dict[str, Any]]

CODEOWNERS = ".github/CODEOWNERS"
REQUIRED = ("team", "purpose", "runbook")
OWNERS_KEYS = (*REQUIRED, "depends_on")
TEAM_KEYS = ("contact", "github", "escalation")
HEADER = "# Made from teams.toml and apps/*/OWNERS.toml by `make owners`. Do not edit.\n"


class Malformed(Exception):
    """An ownership file cannot be used. `message` says why and how to fix it."""

    def __init__(self, message: str, *, path: StrPath, line: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.line = line

    def __str__(self) -> str:
        return f"{os.path.relpath(self.path)}:{self.line}: {self.message}"


def read_owners(path: StrPath) -> dict[str, Any]:
    """Return the content of an OWNERS.toml. Raises `Malformed`."""
    owners = read_toml(path, if_missing="Copy another app's and name its team.")

    def malformed(message: str, *, at: str) -> Malformed:
        return Malformed(message, path=path, line=_line(path, at))

    for key in REQUIRED:
        if not isinstance(owners.get(key), str) or not owners[key].strip():
            raise malformed(f'it has no {key}. Add {key} = "…".', at=key)
    for key in owners:
        if key not in OWNERS_KEYS:
            raise malformed(f"unknown key {key!r}. Known: {', '.join(OWNERS_KEYS)}.", at=key)
    depends_on = owners.get("depends_on", [])
    if not isinstance(depends_on, list) or not all(isinstance(name, str) for name in depends_on):
        wrong = "depends_on is not a list of app names"
        raise malformed(f'{wrong}. Write depends_on = ["accounts"].', at="depends_on")
    return owners


def read_teams(path: StrPath) -> Teams:
    """Return the table of each team by its name, the default team first. Raises `Malformed`.

    The first team in the file is the default: it owns everything that belongs to no app.
    """
    teams = read_toml(path, if_missing='Write [platform] and contact = "#channel" into it.')
    if not teams:
        raise Malformed('it has no team. Add [platform] and contact = "#channel".', path=path)
    for name, table in teams.items():
        if fault := _fault_of_team(name, table):
            message, at = fault
            raise Malformed(message, path=path, line=_line(path, at, after=f"[{name}]"))
    return teams


def why_unknown(team: object, *, teams: Teams) -> str:
    """Return the message for a team that teams.toml does not have."""
    return f"no team {team!r} in teams.toml. Known: {', '.join(sorted(teams))}."


def codeowners(*, root: StrPath) -> str:
    """Return what CODEOWNERS has to contain. Raises `Malformed`."""
    teams = read_teams(Path(root, "teams.toml"))
    default = next(iter(teams))
    lines = [HEADER, _codeowners_line("*", default, teams=teams)]
    for path in sorted(Path(root, "apps").glob("*/OWNERS.toml")):
        team = read_owners(path)["team"]
        if team not in teams:
            line = _line(path, "team")
            raise Malformed(why_unknown(team, teams=teams), path=path, line=line)
        lines.append(_codeowners_line(f"/apps/{path.parent.name}/", team, teams=teams))
    return "".join(lines)


def write(*, root: StrPath) -> None:
    """Write CODEOWNERS. Raises `Malformed`, and then changes nothing."""
    text = codeowners(root=root)
    path = Path(root, CODEOWNERS)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


class Owner(NamedTuple):
    """Who is responsible for something, and how to reach them."""

    app: str  # "" for what belongs to no app
    team: str
    contact: str
    escalation: str
    runbook: str


def owner_of(*, app: str, root: StrPath) -> Owner:
    """Return the owner of an app, or with "" of what belongs to no app. Raises `Malformed`."""
    teams = read_teams(Path(root, "teams.toml"))
    owners = read_owners(Path(root, "apps", app, "OWNERS.toml")) if app else {}
    team = owners.get("team") or next(iter(teams))
    table = teams.get(team, {})
    return Owner(
        app=app,
        team=team,
        contact=table.get("contact", ""),
        escalation=table.get("escalation", ""),
        runbook=owners.get("runbook", ""),
    )


def app_of(place: str) -> str:
    """Return the app of a dotted module name or of a path in the project; "" if it has none."""
    head, app = [*place.replace("/", ".").split("."), ""][:2]
    return app if head == "apps" else ""


def _fault_of_team(name: str, table: Any) -> tuple[str, str] | None:
    """Return (what is wrong and how to fix it, how its line begins), or None."""
    if not re.fullmatch(r"[A-Za-z0-9]([\w-]{0,61}[A-Za-z0-9])?", name, re.ASCII):
        return f"a team cannot be called {name!r}. Use letters, digits, - and _, 63 at most.", "["
    if not isinstance(table, dict) or not _is_line(table.get("contact")):
        return f'team {name!r} has no contact. Add contact = "#channel" under [{name}].', "["
    for key, value in table.items():
        if key not in TEAM_KEYS:
            return f"unknown key {key!r}. Known: {', '.join(TEAM_KEYS)}.", key
        if not _is_line(value):
            return f"{key} of {name!r} is not a line of text.", key
    if not re.fullmatch(r"@[\w.-]+(/[\w.-]+)?", table.get("github", "@none"), re.ASCII):
        return f"github cannot be {table['github']!r}. Write @org/team or @person.", "github"
    return None


def _is_line(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()


def _codeowners_line(pattern: str, team: str, *, teams: Teams) -> str:
    contact = teams[team]["contact"]
    is_address = re.fullmatch(r"[^\s@#]+@[^\s@#]+", contact)
    if handle := teams[team].get("github") or (contact if is_address else ""):
        return f"{pattern} {handle}\n"
    return f"# {pattern} belongs to {team}: give the team a `github` in teams.toml\n"


def read_toml(path: StrPath, *, if_missing: str) -> dict[str, Any]:
    """Return the content of a TOML file. Raises `Malformed`."""
    raw = b""
    try:
        raw = Path(path).read_bytes()
        return tomllib.loads(raw.decode("utf-8"))
    except FileNotFoundError:
        raise Malformed(f"it does not exist. {if_missing}", path=path) from None
    except OSError as error:
        raise Malformed(f"it cannot be read: {error.strerror}.", path=path) from None
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise Malformed("it is not UTF-8. Save it as UTF-8.", path=path, line=line) from None
    except RecursionError:
        raise Malformed("it is nested too deeply.", path=path) from None
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at line (\d+)", str(error))
        line = int(place[1]) if place else max(1, len(raw.splitlines()))
        raise Malformed(f"it is not valid TOML: {error}.", path=path, line=line) from None


def _line(path: StrPath, start: str, *, after: str = "") -> int:
    """Return the first line that begins with `start`, from the one that begins with `after` on."""
    lines = list(enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1))
    first = next((number for number, line in lines if line.strip().startswith(after)), 1)
    found = (number for number, line in lines[first - 1 :] if line.strip().startswith(start))
    return next(found, first)


# For a running project. A file that cannot be read is reported by the layout check; a log line or
# the record of a failure must not be lost because of it.


def team_of_module(*, module: str) -> str:
    """Return the team that owns the app of a dotted module name; "" if there is none."""
    app = app_of(module)
    return _team(app, root=_root()) if app else ""


def default_team() -> str:
    """Return the team that owns what belongs to no app; "" if it cannot be read."""
    return _team("", root=_root())


def runbook_of_task(*, name: str) -> str:
    """Return the runbook of the app that a task is named after, or else the one about tasks."""
    runbook = ""
    if root := _root():
        with contextlib.suppress(Malformed):
            runbook = owner_of(app=name.partition(".")[0], root=root).runbook
    return runbook or "docs/runbooks/tasks.md"


def _root() -> str:
    """Return the folder of the running project; "" while its settings are loading."""
    from django.conf import settings  # here, because the hook runs without Django

    return str(settings.BASE_DIR) if settings.configured else ""


@functools.cache
def _team(app: str, *, root: str) -> str:
    try:
        return owner_of(app=app, root=root).team if root else ""
    except Malformed:
        return ""
