"""How findings, rules and waivers are told, where one line for each violation is not enough."""

import json
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from inspect import cleandoc

from trellis.checks.layout.engine import Violation, rules
from trellis.checks.layout.source import Project


def as_json(found: Iterable[Violation]) -> str:
    """Return a list of objects with path, line, rule and message, for programs."""
    fields = ("path", "line", "rule", "message")
    rows = [dict(zip(fields, (*one.place, *one[1:]), strict=True)) for one in found]
    return json.dumps(rows, indent=2) + "\n"


def annotations(found: Iterable[Violation]) -> str:
    """Return GitHub's way to show a message on a line (docs.github.com, workflow commands)."""
    return "".join(
        f"::error file={_escaped(one.place.path, also=':,')},line={one.place.line}"
        f",title={one.rule}::{_escaped(one.message)}\n"
        for one in found
    )


def _escaped(text: str, *, also: str = "") -> str:
    for sign in f"%\r\n{also}":
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text


def explain(*names: str) -> int:
    """Print rules with their docstrings; 2 for one that does not exist."""
    for name in names:
        if name not in rules:
            near = "".join(f" Did you mean {one}?" for one in get_close_matches(name, rules, 1))
            known = "\n  ".join(rules)
            print(f"There is no rule {name!r}.{near} There are:\n  {known}", file=sys.stderr)
            return 2
        text = cleandoc(rules[name].__doc__ or "").replace("\n", "\n    ").replace("    \n", "\n")
        print(f"{name}\n    {text}\n")
    return 0


def waivers(project: Project) -> str:
    """Return a line for each waiver, by owner, the soonest to end first.

    How old one is, nobody can tell from the file; how long it has left, the file says itself.
    """
    team_of = {app.name: str(app.owners.get("team", "nobody")) for app in project.apps}
    rows = []
    for one in project.waivers:
        days = one.days_left
        left = "no end" if days is None else f"{days} days left" if days >= 0 else "over"
        place = f"{one.place.path}:{one.place.line}"
        order = (team_of[one.app], -9999 if days is None else days, one.place)
        rows.append((order, f"{team_of[one.app]:<14}{left:<16}{place}  {one.rule}: {one.reason}\n"))
    return "".join(text for _, text in sorted(rows))
