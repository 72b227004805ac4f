"""What a rule is, and how all of them are run."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import NamedTuple, TypeVar

from trellis.checks.layout import source
from trellis.checks.layout.source import Place, Project
from trellis.ownership import StrPath

Finding = tuple[Place, str]
Rule = Callable[[Project], Iterator[Finding]]
Found = TypeVar("Found")
rules: dict[str, Rule] = {}


class Violation(NamedTuple):
    """One place where the project has lost its shape, and what to do about it."""

    place: Place
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.place.path}:{self.place.line}: {self.rule}: {self.message}"


def rule(function: Rule) -> Rule:
    """Register a rule. Its name is the id that is printed, its docstring the rule.

    A rule yields (place, message) for each violation; the message says what is wrong and what to
    do, in the project's own names. The docstring ends in what the rule cannot see.
    """
    rules[function.__name__] = function
    return function


def once(function: Callable[[Project], Found]) -> Callable[[Project], Found]:
    """Compute what several rules ask for once, and keep it for as long as the project is kept."""

    def found(project: Project) -> Found:
        if function not in project.found:
            project.found[function] = function(project)
        return project.found[function]  # type: ignore[no-any-return]

    return found


def check(*, root: StrPath, today: date) -> list[Violation]:
    """Return every violation of the project at `root`, in the order of files and lines."""
    project = source.read(root, today=today)
    standing = {(waiver.place, waiver.rule): waiver for waiver in reversed(project.waivers)}
    violations = set()
    # A waiver is found unused when all other rules have spoken.
    for name, function in sorted(rules.items(), key=lambda item: item[0] == "waivers_are_used"):
        for place, message in function(project):
            waiver = standing.get((place, name))
            if waiver:
                waiver.used = True
            if not waiver or waiver.fault:
                violations.add(Violation(place, name, message))
    return sorted(violations)


@rule
def every_file_can_be_read(project: Project) -> Iterator[Finding]:
    """Every Python file of an app is a file, UTF-8 and valid: what cannot be read hides the rest.

    Cannot see: tests and migrations, which no rule looks into.
    """
    for error in project.unreadable:
        yield error.place, f"{error.why}. Mend the file."


@rule
def waivers_have_a_reason(project: Project) -> Iterator[Finding]:
    """A waiver says after a colon why its line may break the rule.

    Cannot see: whether the reason is a good one.
    """
    yield from _faults(project, "waivers_have_a_reason")


@rule
def waivers_expire(project: Project) -> Iterator[Finding]:
    """A waiver names its last day, at most 180 days from now, and excuses nothing after it.

    Cannot see: how often the same waiver was given a new day.
    """
    yield from _faults(project, "waivers_expire")


@rule
def waivers_are_used(project: Project) -> Iterator[Finding]:
    """A waiver stands on a line that breaks the rule it names; else it is deleted.

    Cannot see: a waiver in tests, migrations or outside of the apps, where no rule looks.
    """
    yield from _faults(project, "waivers_are_used")
    for waiver in project.waivers:
        if not waiver.used and not waiver.fault:
            yield waiver.place, f"nothing on this line breaks {waiver.rule}. Delete the waiver."


def _faults(project: Project, name: str) -> Iterator[Finding]:
    for waiver in project.waivers:
        if waiver.fault and waiver.fault[0] == name:
            yield waiver.place, waiver.fault[1]
