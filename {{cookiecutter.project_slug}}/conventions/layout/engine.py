"""What a rule is, and how all of them are run."""

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from conventions.layout import source
from conventions.layout.source import Place, Project

LONGEST_WAIVER = timedelta(days=180)
WAIVER = re.compile(
    r"#\s*layout:\s*allow\s+(?P<rule>\w+)"
    r"(?:\s+until\s+(?P<until>\S+?))?(?::\s*(?P<reason>.*))?\s*$"
)

Finding = tuple[Place, str]
Rule = Callable[[Project], Iterator[Finding]]
rules: dict[str, Rule] = {}


class Violation(NamedTuple):
    """One place where the project has lost its shape, and what to do about it."""

    place: Place
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.place.path}:{self.place.line}: {self.rule}: {self.message}"


class Waiver(NamedTuple):
    """`# layout: allow <rule> until <date>: <reason>`, on the line it excuses."""

    place: Place
    app: str
    rule: str
    until: str
    reason: str


def rule(function: Rule) -> Rule:
    """Register a rule. Its name is the id that is printed, its docstring the rule and the cure.

    A rule yields (place, message) for each violation; the message says what is wrong and what to
    do, in the project's own names.
    """
    rules[function.__name__] = function
    return function


def check(*, root: Path, today: date) -> list[Violation]:
    """Return every violation of the project at `root`, in the order of files and lines."""
    project = source.read(root)
    found = [
        Violation(error.place, "every_file_can_be_read", f"{error.why}. Mend the file.")
        for error in project.unreadable
    ]
    for name, function in rules.items():
        found += [Violation(place, name, message) for place, message in function(project)]
    return sorted(set(_without_waived(found, waivers=waivers(project), today=today)))


def waivers(project: Project) -> list[Waiver]:
    """Return every waiver in the project's apps."""
    return [
        Waiver(
            place=Place(module.path, line),
            app=module.app,
            rule=match["rule"],
            until=match["until"] or "",
            reason=(match["reason"] or "").strip(),
        )
        for module in project.modules
        if "layout:" in module.source
        for line, text in module.comments
        if (match := WAIVER.search(text))
    ]


def _without_waived(
    found: list[Violation], *, waivers: list[Waiver], today: date
) -> Iterator[Violation]:
    standing = {(waiver.place, waiver.rule): waiver for waiver in waivers}
    used = set()
    for violation in found:
        key = (violation.place, violation.rule)
        if key in standing:
            used.add(key)
            if not _fault(standing[key], today=today):
                continue
        yield violation
    for key, waiver in standing.items():
        if waiver.rule not in rules:
            yield Violation(
                waiver.place, "waivers_are_used", f"there is no rule {waiver.rule}. Mend the name."
            )
        elif fault := _fault(waiver, today=today):
            yield Violation(waiver.place, *fault)
        elif key not in used:
            message = f"nothing on this line breaks {waiver.rule}. Delete the waiver."
            yield Violation(waiver.place, "waivers_are_used", message)


def _fault(waiver: Waiver, *, today: date) -> tuple[str, str] | None:
    if not waiver.reason:
        return "waivers_have_a_reason", "no reason is given. End it with `: why`."
    example = (today + timedelta(days=90)).isoformat()
    try:
        until = date.fromisoformat(waiver.until)
    except ValueError:
        return "waivers_expire", f"no date is given. Write `until {example}`."
    if until < today:
        return "waivers_expire", f"it ended on {until}. Mend what it excuses, then delete it."
    if until > today + LONGEST_WAIVER:
        return "waivers_expire", f"{until} is more than 180 days away. Write `until {example}`."
    return None
