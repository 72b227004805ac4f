"""`trellis check`, `rules`, `explain` and `waivers`."""

import sys
from datetime import UTC, date, datetime
from pathlib import Path

from trellis.checks import baseline, layout, report, rules, settings, waivers


def check(*, root: Path, paths: list[str], form: str) -> int:
    """Print what the layout check finds, only in `paths` if there are any.

    Returns 0 where it finds nothing, 1 where it finds something, 2 for a path that is not there.
    """
    found = layout.check(root=root, today=_today())
    if paths:
        places = [(root / path).resolve() for path in paths]
        for path, place in zip(paths, places, strict=True):
            if not place.exists() or not place.is_relative_to(root.resolve()):
                print(f"{path} is not a file or folder of this project.", file=sys.stderr)
                return 2
        found = [
            one
            for one in found
            if any((root.resolve() / one.path).is_relative_to(place) for place in places)
        ]
    print(report.findings(found, form=form), end="")
    for notice in waivers.read(root, today=_today()).notices():
        if form == "github":
            print(report.annotation(notice, level="warning"), end="")
        else:  # where no program reads it
            print(notice, file=sys.stderr)
    if form == "text":
        number = f"{len(found)} finding{'s' if len(found) > 1 else ''}."
        print(number if found else "No findings.", file=sys.stderr if found else sys.stdout)
    return 1 if found else 0


def write_baseline(*, root: Path) -> int:
    """Write waivers for all that the layout check finds, and say how many. Returns 0."""
    number = baseline.write(root=root, today=_today())
    print(f"Wrote {number} waivers into {waivers.FILE}. `trellis waivers` lists them by owner.")
    return 0


def show_rules() -> int:
    """Print every rule. Returns 0."""
    print(*map(report.rule, rules.RULES.values()), sep="\n")
    return 0


def explain(*, name: str, root: Path) -> int:
    """Print one rule. Returns 2 for a name that is none."""
    given = settings.read(root)
    if name in rules.RULES:
        print(report.rule(rules.RULES[name]), end="")
    elif path := given.own_rules.get(name):
        own = layout.load_own_rule(root, path=path, name=name)
        print(f"{name} (your own, {path})\n  {own.__doc__ or 'It has no docstring.'}")
    else:
        why = rules.unknown(name, known=given.rule_names())
        print(f"{why[0].upper()}{why[1:]} `trellis rules` lists them all.", file=sys.stderr)
        return 2
    return 0


def show_waivers(*, root: Path) -> int:
    """Print the waivers by owner, with the days they have left. Returns 0."""
    print(report.waiver_list(root=root, today=_today()) or "No waivers.\n", end="")
    return 0


def _today() -> date:
    return datetime.now(UTC).date()
