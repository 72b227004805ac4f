"""Waivers: what may break a rule for a while, and why. They stand in waivers.toml.

    [[waiver]]
    rule = "doors_use_no_models"
    path = "apps/bookings/views.py"   # a file or a folder; or: app = "bookings"
    where = "session_list"            # optional: only in this function or class, or on a line
                                      # with this text
    until = 2027-03-31                # at most 180 days away
    reason = "The report moves to insights with issue 41."

`trellis check --baseline` writes waivers with a table `count` of paths and numbers instead of
`path`: so many findings are excused there, no more and no fewer.
"""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from trellis import ownership
from trellis.checks import rules
from trellis.checks.rules import Finding
from trellis.checks.settings import Settings
from trellis.checks.settings import read as read_settings
from trellis.ownership import StrPath

FILE = "waivers.toml"
KEYS = ("rule", "path", "app", "count", "where", "until", "reason")
NOT_WAIVABLE = ("waivers_are_valid", "waivers_are_used", "settings_are_valid")


@dataclass
class Waiver:
    """One entry of the file."""

    rule: str
    line: int  # of the file
    until: date
    reason: str
    paths: tuple[str, ...]  # files or folders, from the project's root
    count: dict[str, int] = field(default_factory=dict)  # findings by path; {}: any number
    where: str = ""
    used_by: list[Finding] = field(default_factory=list)

    def matches(self, finding: Finding, *, root: Path) -> bool:
        return (
            finding.rule == self.rule
            and any(is_below(finding.path, path) for path in self.paths)
            and (not self.where or _is_at(self.where, finding, root=root))
        )


class Waivers:
    """All waivers of a project."""

    def __init__(self, *, root: Path, today: date, settings: Settings) -> None:
        self.root = root
        self.today = today
        self.settings = settings
        self.valid: list[Waiver] = []
        self._faults: list[Finding] = []
        self._by_rule: dict[str, list[Waiver]] = {}

    def add(self, waiver: Waiver) -> None:
        self.valid.append(waiver)
        self._by_rule.setdefault(waiver.rule, []).append(waiver)

    def covers(self, finding: Finding) -> bool:
        """Whether a waiver excuses a finding. That waiver is used from now on."""
        same_rule = self._by_rule.get(finding.rule, ())
        covering = [one for one in same_rule if one.matches(finding, root=self.root)]
        for waiver in covering:
            if finding not in waiver.used_by:
                waiver.used_by.append(finding)
        return bool(covering)

    def remaining(self, findings: Iterable[Finding], *, mechanism: str) -> list[Finding]:
        """Return what is left of *all* findings of a mechanism, and its unused waivers."""
        left = [one for one in findings if not self.covers(one)]
        return [*left, *self._over_the_count(mechanism), *self.unused(mechanism)]

    def faults(self) -> list[Finding]:
        """Return what is wrong with the waivers themselves. A wrong one excuses nothing."""
        return list(self._faults)

    def unused(self, mechanism: str) -> list[Finding]:
        """Return the waivers for rules of a mechanism that covered nothing, or less than counted.

        Ask for it only after a whole run.
        """
        return [*self._unused(mechanism)]

    def notices(self) -> list[Finding]:
        """Return an announcement, which is no error, for each waiver that ends soon."""
        notice = self.settings.limits["waiver_notice_days"]
        return [
            Finding(
                FILE,
                waiver.line,
                "waivers_are_valid",
                f"the waiver for {waiver.rule} ends {_in_days(waiver.until - self.today)}."
                " Mend what it excuses.",
            )
            for waiver in self.valid
            if (waiver.until - self.today).days <= notice
        ]

    def _of(self, mechanism: str) -> Iterator[Waiver]:
        for waiver in self.valid:
            rule = rules.RULES.get(waiver.rule)
            if (rule.mechanism if rule else "layout") == mechanism:  # a project's own: layout
                yield waiver

    def _unused(self, mechanism: str) -> Iterator[Finding]:
        for waiver in self._of(mechanism):
            if not waiver.used_by:
                message = f"nothing breaks {waiver.rule} here any more. Delete the waiver."
                yield _unused(message, line=waiver.line)
                continue
            used = Counter(finding.path for finding in waiver.used_by)
            for path, count in waiver.count.items():
                if used[path] < count:
                    message = f"{path} breaks {waiver.rule} {used[path]} times, not {count}."
                    yield _unused(f"{message} Write {used[path]}.", line=waiver.line)

    def _over_the_count(self, mechanism: str) -> Iterator[Finding]:
        for waiver in self._of(mechanism):
            used = Counter(finding.path for finding in waiver.used_by)
            for path, count in waiver.count.items():
                if used[path] > count:
                    yield from (one for one in waiver.used_by if one.path == path)


def read(root: StrPath, *, today: date, settings: Settings | None = None) -> Waivers:
    """Return the waivers of the project at `root`; without the file, none."""
    given = settings or read_settings(root)
    waivers = Waivers(root=Path(root), today=today, settings=given)
    path = Path(root, FILE)
    if not path.exists():
        return waivers
    try:
        table = ownership.read_toml(path, if_missing="")
    except ownership.Malformed as error:
        waivers._faults.append(_invalid(error.message, line=error.line))
        return waivers
    text = path.read_text(encoding="utf-8")
    entries = table.pop("waiver", [])
    for key in table:
        message = f"{key!r} is not known here. Begin each waiver with [[waiver]]."
        waivers._faults.append(_invalid(message, line=_line_of(text, key)))
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        message = "waiver is not a list of tables. Begin each waiver with [[waiver]]."
        waivers._faults.append(_invalid(message, line=_line_of(text, "waiver")))
        entries = []
    heads = [n for n, line in enumerate(text.splitlines(), 1) if line.lstrip().startswith("[[")]
    for number, entry in enumerate(entries):
        line = heads[number] if number < len(heads) else 1
        if why := _why_invalid(entry, today=today, settings=waivers.settings):
            waivers._faults.append(_invalid(why, line=line))
        else:
            waivers.add(_waiver(entry, line=line))
    return waivers


def _why_invalid(entry: dict[str, Any], *, today: date, settings: Settings) -> str:
    """Return the first thing that is wrong with an entry, and its cure; "" where all is well."""
    for key in entry:
        if key not in KEYS:
            near = "".join(f" Did you mean {one}?" for one in get_close_matches(key, KEYS, 1))
            return f"a waiver has no key {key!r}.{near} Known: {', '.join(KEYS)}."
    rule = entry.get("rule")
    if not isinstance(rule, str) or not rule:
        return 'it names no rule. Add rule = "…".'
    if rule in NOT_WAIVABLE:
        return f"{rule} cannot be waived. Mend what it reports."
    if rule not in (known := settings.rule_names()):
        return f"{rules.unknown(rule, known=known)} Mend the name."
    if why := _why_no_place(entry):
        return why
    reason = entry.get("reason")
    if not isinstance(reason, str) or not reason.strip():
        return 'no reason is given. Add reason = "…".'
    return _why_no_end(entry.get("until"), today=today, longest=settings.limits["waiver_days"])


def _why_no_place(entry: dict[str, Any]) -> str:
    given = [key for key in ("path", "app", "count") if key in entry]
    if len(given) != 1:
        return 'it needs one place. Write path = "apps/…" or app = "…", and only one of them.'
    if not isinstance(entry.get("where", ""), str):
        return "where is not a text. Write the name of a function or class."
    value = entry[given[0]]
    if given == ["count"]:
        good = isinstance(value, dict) and all(type(n) is int and n > 0 for n in value.values())
        return "" if good else 'count is not a table of paths. Write "apps/…/views.py" = 3.'
    if not isinstance(value, str) or not value.strip("/ "):
        return f'{given[0]} is not a text. Write {given[0]} = "…".'
    return ""


def _why_no_end(until: Any, *, today: date, longest: int) -> str:
    write = f"Write until = {(today + timedelta(days=min(90, longest))).isoformat()}."
    if until is None:
        return f"no end is given. {write}"
    day = _as_date(until)
    if day is None:
        return f"{until!r} is not a date. {write}"
    if day < today:
        return f"it ended on {day}. Mend what it excuses, then delete it."
    if (day - today).days > longest:
        return f"{day} is more than {longest} days away. {write}"
    return ""


def _as_date(value: Any) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            return None
    return value if isinstance(value, date) else None


def _waiver(entry: dict[str, Any], *, line: int) -> Waiver:
    count: dict[str, int] = entry.get("count", {})
    until = _as_date(entry["until"])
    assert until  # noqa: S101  # `_why_invalid` was asked before
    places = count or [entry["path"] if "path" in entry else f"apps/{entry['app']}"]
    return Waiver(
        rule=entry["rule"],
        line=line,
        until=until,
        reason=entry["reason"],
        paths=tuple(place.strip().removeprefix("./").rstrip("/") for place in places),
        count=count,
        where=entry.get("where", ""),
    )


def is_below(path: str, place: str) -> bool:
    """Whether a path is a place or in it."""
    return path == place or path.startswith(f"{place}/")


def _is_at(where: str, finding: Finding, *, root: Path) -> bool:
    """Whether a finding stands in the function or class `where`, or on a line with that text."""
    lines, definitions = _read_source(root / finding.path)
    if where in "".join(lines[finding.line - 1 : finding.line]):
        return True
    return any(name == where and finding.line in inside for name, inside in definitions)


def _read_source(path: Path) -> tuple[list[str], list[tuple[str, range]]]:
    """Return the lines of a file, and the lines of each function and class in it."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        tree = ast.parse(text)
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return [], []
    return text.splitlines(), [
        (
            node.name,
            range(
                min([node.lineno, *(one.lineno for one in node.decorator_list)]),
                (node.end_lineno or node.lineno) + 1,
            ),
        )
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]


def _line_of(text: str, start: str) -> int:
    lines = enumerate(text.splitlines(), 1)
    return next((n for n, line in lines if line.lstrip(" [\"'").startswith(start)), 1)


def _in_days(left: timedelta) -> str:
    return "today" if left.days == 0 else f"in {left.days} day{'s' if left.days > 1 else ''}"


def _invalid(message: str, *, line: int) -> Finding:
    return Finding(FILE, line, "waivers_are_valid", message)


def _unused(message: str, *, line: int) -> Finding:
    return Finding(FILE, line, "waivers_are_used", message)
