"""The layout check: files, imports and habits of a project, by the standard library alone.

The generation hook, `trellis check`, Django's system checks and the tests all call `check`.
"""

import sys
from datetime import date
from pathlib import Path

from trellis.checks import files, habits, import_rules, own_rules, project, settings, waivers
from trellis.checks.project import NothingToCheck
from trellis.checks.rules import Finding
from trellis.ownership import StrPath

__all__ = ["NothingToCheck", "check", "why_not_parsed"]


def check(*, root: StrPath, today: date) -> list[Finding]:
    """Return what breaks a rule of the layout and is not waived, in the order of files and lines.

    Raises `NothingToCheck` where there is no folder `apps/`.
    """
    given = settings.read(root)
    waived = waivers.read(root, today=today, settings=given)
    left = waived.remaining(found(root=root), mechanism="layout")
    return sorted({*left, *waived.faults()})


def found(*, root: StrPath) -> list[Finding]:
    """Return what breaks a rule of the layout, waived or not, but for rules that are disabled."""
    given = settings.read(root)
    read = project.read(Path(root), settings=given)
    findings = [*given.faults, *files.check(read), *import_rules.check(read), *habits.check(read)]
    findings += own_rules.check(read)
    return [one for one in findings if one.rule not in given.disabled]


def why_not_parsed(*, root: StrPath) -> str:
    """Return why only files and owners are judged by this interpreter; "" where all is."""
    wanted = settings.read(root).python
    if sys.version_info[:2] >= wanted:
        return ""
    python = ".".join(map(str, wanted))
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    why = f"the project's code is for Python {python}"
    return f"Python {running} judges files and owners only: {why}."
