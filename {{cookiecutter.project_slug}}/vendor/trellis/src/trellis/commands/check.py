"""`trellis check`, `rules`, `explain` and `waivers`."""

import sys
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path

from trellis.checks import baseline, layout, report, rules, settings, waivers
from trellis.checks.rules import Finding


def check(*, root: Path, paths: list[str], form: str) -> int:
    """Print what the layout check finds, only in `paths` if there are any.

    Returns 0 where it finds nothing, 1 where it finds something, 2 for a path that is not there.
    """
    places = [_from_root(path, root=root) for path in paths]
    if missing := [path for path, place in zip(paths, places, strict=True) if place is None]:
        print(f"{missing[0]} is not a file or folder of this project.", file=sys.stderr)
        return 2
    found = layout.check(root=root, today=_today())
    if paths:
        found = [one for one in found if _is_in(one, [str(place) for place in places])]
    print(report.findings(found, form=form), end="")
    _announce(root=root, form=form)
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
    """Print every rule."""
    given = settings.read(Path.cwd())
    print(*(report.rule(name, settings=given, root=Path()) for name in rules.RULES), sep="\n")
    return 0


def explain(*, name: str, root: Path) -> int:
    """Print one rule. Returns 2 for a name that is none."""
    given = settings.read(root)
    try:
        print(report.rule(name, settings=given, root=root), end="")
    except KeyError:
        why = rules.unknown(name, known=given.rule_names())
        print(f"{why[0].upper()}{why[1:]} `trellis rules` lists them all.", file=sys.stderr)
        return 2
    return 0


def show_waivers(*, root: Path) -> int:
    """Print the waivers by owner, with the days they have left."""
    print(report.waiver_list(root=root, today=_today()) or "No waivers.\n", end="")
    return 0


def _announce(*, root: Path, form: str) -> None:
    """Print what is worth knowing and no error, where nobody parses it."""
    notices: Iterable[Finding] = waivers.read(root, today=_today()).notices()
    if form == "github":
        print(*(report.annotation(one, level="warning") for one in notices), sep="", end="")
    else:
        print(*(f"{one}\n" for one in notices), sep="", end="", file=sys.stderr)
    if why := layout.why_not_parsed(root=root):
        print(why, file=sys.stderr)


def _from_root(path: str, *, root: Path) -> str | None:
    """Return a path as findings have it; None for what is not there or not of the project."""
    place = (root / path).resolve()
    if not place.exists() or not place.is_relative_to(root.resolve()):
        return None
    return place.relative_to(root.resolve()).as_posix()


def _is_in(one: Finding, places: list[str]) -> bool:
    return any(place == "." or waivers.is_below(one.path, place) for place in places)


def _today() -> date:
    return datetime.now(UTC).date()
