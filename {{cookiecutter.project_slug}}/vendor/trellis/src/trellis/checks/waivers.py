"""Waivers: what may break a rule for a while, and why. They stand in waivers.toml.

    [[waiver]]
    rule = "doors_do_not_query"
    path = "apps/bookings/views.py"   # a file or a folder
    where = "session_list"            # optional: only in this function or class
    until = 2027-03-31                # at most 180 days away
    reason = "The report moves to insights with issue 41."

`trellis check --baseline` writes a table `count` of paths and numbers instead of `path`: so many
findings are excused there, no more and no fewer.
"""

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from trellis import ownership
from trellis.checks import rules
from trellis.checks.rules import Finding
from trellis.checks.settings import Settings
from trellis.checks.settings import read as read_settings
from trellis.ownership import StrPath

FILE = "waivers.toml"
KEYS = ("rule", "path", "count", "where", "until", "reason")
LONGEST = timedelta(days=180)
NOTICE = timedelta(days=14)  # how long before its end a waiver is announced
NOT_WAIVABLE = ("waivers_are_valid", "waivers_are_used", "settings_are_valid")


@dataclass
class Waiver:
    """One entry of the file."""

    rule: str
    line: int  # of the file
    until: date
    reason: str
    paths: tuple[str, ...]  # files or folders, from the project's root
    count: dict[str, int]  # findings by path; {}: any number
    where: str
    used_by: list[Finding] = field(default_factory=list)


@dataclass
class Waivers:
    """The waivers of a project."""

    root: Path
    today: date
    valid: list[Waiver] = field(default_factory=list)
    wrong: list[Finding] = field(default_factory=list)  # about entries that excuse nothing

    def covers(self, finding: Finding) -> bool:
        """Whether a waiver excuses a finding. That waiver is used from now on."""
        covering = [
            one
            for one in self.valid
            if one.rule == finding.rule
            and any(is_below(finding.path, path) for path in one.paths)
            and (not one.where or _is_in(one.where, finding, root=self.root))
        ]
        for waiver in covering:
            if finding not in waiver.used_by:
                waiver.used_by.append(finding)
        return bool(covering)

    def remaining(self, findings: Iterable[Finding], *, mechanism: str) -> list[Finding]:
        """Return what is left of *all* findings of a mechanism, and its waivers that are unused."""
        left = [one for one in findings if not self.covers(one)]
        for waiver in self.valid:
            rule = rules.RULES.get(waiver.rule)
            if (rule.mechanism if rule else "layout") != mechanism:  # a project's own: layout
                continue
            if not waiver.used_by:
                message = f"nothing breaks {waiver.rule} here any more. Delete the waiver."
                left.append(Finding(FILE, waiver.line, "waivers_are_used", message))
            for path, excused in waiver.count.items():
                found = [one for one in waiver.used_by if one.path == path]
                if len(found) > excused:
                    left += found
                elif len(found) < excused and waiver.used_by:
                    message = f"{path} breaks {waiver.rule} {len(found)} times, not {excused}."
                    message = f"{message} Write {len(found)}."
                    left.append(Finding(FILE, waiver.line, "waivers_are_used", message))
        return left

    def notices(self) -> list[Finding]:
        """Return an announcement, which is no error, for each waiver that ends soon."""
        found = []
        for one in self.valid:
            if one.until - self.today <= NOTICE:
                message = f"the waiver for {one.rule} ends on {one.until}. Mend what it excuses."
                found.append(Finding(FILE, one.line, "waivers_are_valid", message))
        return found


def read(root: StrPath, *, today: date, settings: Settings | None = None) -> Waivers:
    """Return the waivers of the project at `root`; without the file, none."""
    waivers = Waivers(root=Path(root), today=today)
    path = waivers.root / FILE
    if not path.exists():
        return waivers
    try:
        table = ownership.read_toml(path, if_missing="")
    except ownership.Malformed as error:
        waivers.wrong.append(Finding(FILE, error.line, "waivers_are_valid", error.message))
        return waivers
    known = (settings or read_settings(root)).rule_names()
    lines = path.read_text(encoding="utf-8").splitlines()
    heads = [n for n, line in enumerate(lines, 1) if line.lstrip().startswith("[[")]
    entries = table.pop("waiver", [])
    if table or not isinstance(entries, list):
        message = "it holds something else than waivers. Begin each one with [[waiver]]."
        waivers.wrong.append(Finding(FILE, 1, "waivers_are_valid", message))
        return waivers
    for line, entry in zip(heads, entries, strict=False):
        if why := _why_wrong(entry, today=today, known=known):
            waivers.wrong.append(Finding(FILE, line, "waivers_are_valid", why))
        else:
            waivers.valid.append(_waiver(entry, line=line))
    return waivers


def _why_wrong(entry: dict[str, Any], *, today: date, known: list[str]) -> str:
    """Return the first thing that is wrong with an entry, and its cure; "" where all is well."""
    rule, until = entry.get("rule"), entry.get("until")
    write = f"Write until = {today + LONGEST / 2}."
    texts = [entry.get(key, "") for key in ("path", "where", "reason")]
    for key in entry:
        if key not in KEYS:
            return f"a waiver has no key {key!r}. Known: {', '.join(KEYS)}."
    if rule not in known:
        return f"{rules.unknown(str(rule), known=known)} Mend the name."
    if rule in NOT_WAIVABLE:
        return f"{rule} cannot be waived. Mend what it reports."
    if not all(isinstance(text, str) for text in texts) or not _is_count(entry.get("count", {})):
        return "path, where and reason are texts, and count is a table of paths and numbers."
    if bool(entry.get("path")) == bool(entry.get("count")):
        return 'it needs a place. Write path = "apps/…".'
    if not entry.get("reason", "").strip():
        return 'no reason is given. Write reason = "…".'
    if type(until) is not date:
        return f"no day is given on which it ends. {write}"
    if until < today:
        return f"it ended on {until}. Mend what it excuses, then delete it."
    if until - today > LONGEST:
        return f"{until} is more than {LONGEST.days} days away. {write}"
    return ""


def _is_count(value: Any) -> bool:
    return isinstance(value, dict) and all(type(n) is int and n > 0 for n in value.values())


def _waiver(entry: dict[str, Any], *, line: int) -> Waiver:
    count = entry.get("count", {})
    places = [*count] or [entry["path"]]
    return Waiver(
        rule=entry["rule"],
        line=line,
        until=entry["until"],
        reason=entry["reason"],
        paths=tuple(place.removeprefix("./").rstrip("/") for place in places),
        count=count,
        where=entry.get("where", ""),
    )


def is_below(path: str, place: str) -> bool:
    """Whether a path is a place or in it."""
    return path == place or path.startswith(f"{place}/")


def _is_in(name: str, finding: Finding, *, root: Path) -> bool:
    """Whether a finding stands in a function or class of that name."""
    try:
        tree = ast.parse((root / finding.path).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return False
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            if node.name == name and first <= finding.line <= (node.end_lineno or first):
                return True
    return False
