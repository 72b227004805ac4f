"""The layout check: files, imports and habits of a project, by the standard library alone.

The generation hook, `trellis check`, Django's system checks and the tests all call `check`.

A rule of a project's own is a function in a file of the project, named by `own_rules` in
[tool.trellis]; rules.md shows one. project.py says what a project and a module have.
"""

import runpy
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from trellis.checks import files, habits, import_rules, project, settings, waivers
from trellis.checks.project import Project
from trellis.checks.rules import Finding
from trellis.ownership import StrPath


def check(*, root: StrPath, today: date) -> list[Finding]:
    """Return what breaks a rule of the layout and is not waived, in the order of files and lines.

    Raises `NothingToCheck` where there is no folder `apps/`.
    """
    given = settings.read(root)
    read = project.read(Path(root), settings=given)
    found = [*given.faults, *files.check(read), *import_rules.check(read), *habits.check(read)]
    found += _own_rules(read)
    excused = waivers.read(root, today=today)
    return sorted([*excused.remaining(found, mechanism="layout"), *excused.wrong])


def load_own_rule(root: Path, *, path: str, name: str) -> Callable[[Project], Iterable[Any]]:
    """Return the function `name` of a file. Raises whatever that file raises."""
    function: Callable[[Project], Iterable[Any]] = runpy.run_path(str(root / path))[name]
    return function


def _own_rules(read: Project) -> Iterator[Finding]:
    """Yield the findings of every own rule. One that fails is itself a finding."""
    for name, path in read.settings.own_rules.items():
        try:
            for place, line, message in load_own_rule(read.root, path=path, name=name)(read):
                yield Finding(str(place), int(line), name, str(message))
        except Exception as error:  # whatever a file of the project's own raises
            message = f"own rule {name} in {path}: {error!r}. Mend the rule."
            yield Finding(settings.FILE, 1, "settings_are_valid", message)
