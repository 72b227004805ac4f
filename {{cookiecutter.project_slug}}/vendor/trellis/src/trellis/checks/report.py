"""How findings, rules and waivers are printed."""

import json
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from urllib.parse import quote

from trellis import ownership
from trellis.checks import waivers
from trellis.checks.rules import RULES, Finding, Rule

FORMATS = ("text", "github", "json", "sarif")


def findings(found: Iterable[Finding], *, form: str) -> str:
    """Return findings in one of FORMATS."""
    if form == "json":
        return json.dumps([one._asdict() for one in found], indent=2) + "\n"
    if form == "sarif":
        return json.dumps(_sarif(found), indent=2) + "\n"
    if form == "github":
        return "".join(annotation(one) for one in found)
    return "".join(f"{one}\n" for one in found)


def annotation(one: Finding, *, level: str = "error") -> str:
    """Return what shows a message on its line at GitHub (its "workflow commands")."""
    path = _escaped(one.path, also=":,")
    return f"::{level} file={path},line={one.line},title={one.rule}::{_escaped(one.message)}\n"


def _escaped(text: str, *, also: str = "") -> str:
    for sign in f"%\r\n{also}":
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text


def _sarif(found: Iterable[Finding]) -> dict[str, object]:
    """Return findings as SARIF 2.1.0, which code scanning services read."""
    results = [
        {
            "ruleId": one.rule,
            "level": "error",
            "message": {"text": one.message},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": quote(one.path, errors="replace")},
                        "region": {"startLine": one.line},
                    }
                }
            ],
        }
        for one in found
    ]
    rules = [{"id": one.name, "shortDescription": {"text": one.asks}} for one in RULES.values()]
    driver = {"name": "trellis", "rules": rules}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }


def rule(one: Rule) -> str:
    """Return the explanation of a rule."""
    return f"{one.name} ({one.mechanism})\n  {one.asks}\n  Cannot see: {one.cannot_see}\n"


def waiver_list(*, root: Path, today: date) -> str:
    """Return a line for each waiver, by owner, the soonest to end first."""
    rows = []
    for one in waivers.read(root, today=today).valid:
        place, *others = one.places
        team = _team(place, root=root)
        days = (one.until - today).days
        where = f"{len(one.places)} files" if others else place
        text = f"{days:>4} days left  {one.rule}  {where}: {one.reason}"
        rows.append((team, days, one.line, f"{team:<14}{text}\n"))
    return "".join(row[-1] for row in sorted(rows))


def _team(path: str, *, root: Path) -> str:
    try:
        return ownership.owner_of(app=ownership.app_of(path), root=root).team
    except ownership.Malformed:
        return "nobody"
