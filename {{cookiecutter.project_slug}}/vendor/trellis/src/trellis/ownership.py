"""Whose what is: teams.toml, each app's OWNERS.toml, and what is derived from them.

Standard library only: the layout check uses it before anything is installed. And without pathlib,
which takes as long to load as all of this to run, while somebody waits for a new project.
"""

import functools
import os
import re
import tomllib
from typing import Any, NamedTuple

StrPath = str | os.PathLike[str]

LIFECYCLES = ("experimental", "production", "deprecated")  # Backstage's own words
PROFILES = ("layered", "crud")
NEEDED = ("team", "purpose", "lifecycle", "runbook")
KNOWN = (*NEEDED, "depends_on", "profile")
NOT_LOOKED_AT = (".", "__pycache__")  # in apps/, by how the name begins
KNOWN_OF_A_TEAM = ("contact", "github", "escalation")
HEADER = "# Derived from teams.toml and apps/*/OWNERS.toml by `make owners`. Do not edit.\n"


class Malformed(Exception):
    """A file that says who owns what cannot be understood."""

    def __init__(self, message: str, *, path: StrPath, line: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.line = line

    def __str__(self) -> str:
        """The place as an editor and a terminal know it: from the project's folder."""
        path = os.path.relpath(self.path)
        return f"{path}:{self.line}: {self.message}"


def read_owners(path: StrPath) -> dict[str, Any]:
    """Return what an OWNERS.toml says. Raises `Malformed` with the line and the fix."""
    owners = _read(path, missing="Copy another app's and say whose it is.")

    def malformed(message: str, *, at: str) -> Malformed:
        return Malformed(message, path=path, line=_line(path, at))

    for key in NEEDED:
        if not isinstance(owners.get(key), str) or not owners[key].strip():
            raise malformed(f'it has no {key}. Add {key} = "…".', at=key)
    for key in owners:
        if key not in KNOWN:
            raise malformed(f"it has no use for {key!r}. Known: {', '.join(KNOWN)}.", at=key)
    for key, choices in (("lifecycle", LIFECYCLES), ("profile", PROFILES)):
        if key in owners and owners[key] not in choices:
            said = f"{key} cannot be {owners[key]!r}"
            raise malformed(f"{said}. One of: {', '.join(choices)}.", at=key)
    depends_on = owners.get("depends_on", [])
    if not isinstance(depends_on, list) or not all(isinstance(n, str) for n in depends_on):
        raise malformed(
            'depends_on is no list of apps. Write depends_on = ["accounts"].', at="depends_on"
        )
    return owners


def read_teams(path: StrPath) -> dict[str, dict[str, Any]]:
    """Return each team's table by its name. Raises `Malformed`.

    The first team is the project's own: it has what no app has.
    """
    teams = _read(path, missing='Write [platform] and contact = "#channel" into it.')
    if not teams:
        raise Malformed('it names no team. Add [platform] and contact = "#channel".', path=path)
    for name, table in teams.items():
        if fault := _fault_of_team(name, table):
            message, at = fault
            raise Malformed(message, path=path, line=_line(path, at, after=f"[{name}]"))
    return teams


def why_unknown(team: object, *, teams: dict[str, dict[str, Any]]) -> str:
    """Return what to say of a team that is none of teams.toml."""
    return f"no team {team!r} in teams.toml. Known: {', '.join(sorted(teams))}."


def _fault_of_team(name: str, table: Any) -> tuple[str, str] | None:
    """(what is wrong and how to mend it, how its line begins), or None."""
    if not re.fullmatch(r"[A-Za-z0-9]([\w-]{0,61}[A-Za-z0-9])?", name, re.A):
        return f"a team cannot be called {name!r}. Use letters, digits, - and _, 63 at most.", "["
    if not isinstance(table, dict) or not _is_line(table.get("contact")):
        return f'team {name!r} has no contact. Add contact = "#channel" under [{name}].', "["
    for key, value in table.items():
        if key not in KNOWN_OF_A_TEAM:
            return f"it has no use for {key!r}. Known: {', '.join(KNOWN_OF_A_TEAM)}.", key
        if not _is_line(value):
            return f"{key} of {name!r} is no line of text. Write one.", key
    if not re.fullmatch(r"@[\w.-]+(/[\w.-]+)?", table.get("github", "@none"), re.A):
        return f"github cannot be {table['github']!r}. Write @org/team or @person.", "github"
    return None


def _is_line(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()


def _read(path: StrPath, *, missing: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            text = file.read().decode("utf-8")
        return _parsed(text)
    except FileNotFoundError:
        raise Malformed(f"it does not exist. {missing}", path=path) from None
    except OSError as error:
        raise Malformed(f"it cannot be read: {error.strerror}.", path=path) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise Malformed("it is not UTF-8. Save it as UTF-8.", path=path, line=line) from None
    except RecursionError:
        raise Malformed("it is nested too deeply. Write it flat.", path=path) from None
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at line (\d+)", str(error))
        line = int(place[1]) if place else max(1, len(text.splitlines()))
        raise Malformed(f"it is not valid TOML: {error}.", path=path, line=line) from None


@functools.lru_cache
def _parsed(text: str) -> dict[str, Any]:
    """Several rules ask for the same files, and none changes what they say."""
    return tomllib.loads(text)


def _line(path: StrPath, start: str, *, after: str = "") -> int:
    """Return the first line that begins with `start`, from the one that begins with `after` on."""
    with open(path, encoding="utf-8") as file:
        numbered = list(enumerate(file.read().splitlines(), 1))
    first = next((n for n, line in numbered if line.strip().startswith(after)), 1)
    found = (n for n, line in numbered[first - 1 :] if line.strip().startswith(start))
    return next(found, first)


def derived(*, root: StrPath) -> dict[str, str]:
    """Return the text of each file that follows from who owns what. Raises `Malformed`."""
    teams = read_teams(os.path.join(root, "teams.toml"))
    folder = os.path.join(root, "apps")
    apps = [name for name in sorted(os.listdir(folder)) if _is_app(os.path.join(folder, name))]
    owners = {name: read_owners(os.path.join(folder, name, "OWNERS.toml")) for name in apps}
    for name, said in owners.items():
        if said["team"] not in teams:
            path = os.path.join(folder, name, "OWNERS.toml")
            why = why_unknown(said["team"], teams=teams)
            raise Malformed(why, path=path, line=_line(path, "team"))
    return {
        ".github/CODEOWNERS": _codeowners(owners, teams=teams),
    }


def _is_app(folder: str) -> bool:
    """Whether it holds a file. (Git leaves a folder of bytecode behind when an app goes.)"""
    if os.path.basename(folder).startswith(NOT_LOOKED_AT):
        return False
    if os.path.exists(os.path.join(folder, "OWNERS.toml")):
        return True
    for _, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(NOT_LOOKED_AT)]
        if any(not name.startswith(NOT_LOOKED_AT) for name in names):
            return True
    return False


def write(*, root: StrPath) -> list[str]:
    """Write what is derived; return the paths. Raises `Malformed` before anything is written."""
    files = derived(root=root)
    for path, text in files.items():
        os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
        with open(os.path.join(root, path), "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
    return list(files)


def _codeowners(owners: dict[str, dict[str, Any]], *, teams: dict[str, dict[str, Any]]) -> str:
    """Who is asked for a review. The last line that matches counts, so the widest is first."""
    owned = [("*", next(iter(teams)))]
    owned += [(f"/apps/{app}/", said["team"]) for app, said in owners.items()]
    lines = [HEADER]
    for pattern, team in owned:
        table = teams.get(team, {})
        contact = table.get("contact", "")
        is_address = re.fullmatch(r"[^\s@#]+@[^\s@#]+", contact)
        if handle := table.get("github") or (contact if is_address else ""):
            lines.append(f"{pattern} {handle}\n")
        else:
            lines.append(f"# {pattern} is {team}'s: give it a `github` in teams.toml\n")
    return "".join(lines)


@functools.cache
def team_of_module(*, module: str) -> str:
    """Return the team that owns a dotted module of an app; "" for what no app owns.

    "" also for a file that cannot be understood: the layout check says so, and a log line or the
    record of a failure must not fail over it.
    """
    parts = module.split(".")
    if parts[0] != "apps" or len(parts) < 2:
        return ""
    try:
        return str(read_owners(os.path.join(_root(), "apps", parts[1], "OWNERS.toml"))["team"])
    except Malformed:
        return ""


@functools.cache
def team_of_the_house() -> str:
    """Return the first team of teams.toml: it answers for what all apps share.

    "" where the file cannot be understood, as above.
    """
    try:
        return next(iter(read_teams(os.path.join(_root(), "teams.toml"))))
    except Malformed:
        return ""


class Owner(NamedTuple):
    """Who answers for something, and how to reach them."""

    app: str  # "" for what belongs to no app
    team: str
    contact: str
    escalation: str
    runbook: str


def owner_of(*, app: str, root: StrPath = "") -> Owner:
    """Return who owns an app, or with "" what no app owns. Raises `Malformed`."""
    root = root or _root()
    teams = read_teams(os.path.join(root, "teams.toml"))
    owners = read_owners(os.path.join(root, "apps", app, "OWNERS.toml")) if app else {}
    team = owners.get("team") or next(iter(teams))
    table = teams.get(team, {})
    return Owner(
        app=app,
        team=team,
        contact=table.get("contact", ""),
        escalation=table.get("escalation", ""),
        runbook=owners.get("runbook", ""),
    )


def runbook_of_task(*, name: str) -> str:
    """Return the runbook of the app a task is named after, if it (still) has one, or of tasks."""
    try:
        runbook = owner_of(app=name.partition(".")[0]).runbook
    except Malformed:
        runbook = ""
    return runbook or "docs/runbooks/tasks.md"


def _root() -> StrPath:
    """Return the folder of the project that runs."""
    from django.conf import settings  # not at the top: the layout check runs without Django

    return str(settings.BASE_DIR)
