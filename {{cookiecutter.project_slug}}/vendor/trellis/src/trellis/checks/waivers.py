"""Waivers: what may break a rule for a while, and why. They stand in waivers.toml.

rules.md shows one. `trellis check --baseline` writes a table `count` of paths and numbers instead
of `path`: so many findings are excused there, no more and no fewer.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from trellis import ownership
from trellis.checks import rules, settings
from trellis.checks.rules import Finding
from trellis.ownership import StrPath

FILE = "waivers.toml"
KEYS = ("rule", "path", "count", "until", "reason")
LONGEST = timedelta(days=180)
NOTICE = timedelta(days=14)  # how long before its end a waiver is announced
NOT_WAIVABLE = ("waivers_are_valid", "waivers_are_used", "settings_are_valid")
ANY = 0  # instead of a number of findings


@dataclass
class Waiver:
    """One entry of the file."""

    rule: str
    line: int  # of the file
    until: date
    reason: str
    places: dict[str, int]  # how many findings it excuses, by the path of a file or a folder
    used_by: list[Finding] = field(default_factory=list)


@dataclass
class Waivers:
    """What a project excuses: rules that its settings disable, and waivers."""

    today: date
    disabled: frozenset[str] = frozenset()
    valid: list[Waiver] = field(default_factory=list)
    wrong: list[Finding] = field(default_factory=list)  # about entries that excuse nothing

    def covers(self, finding: Finding) -> bool:
        """Whether a finding is excused. A waiver that does so is used from now on."""
        if finding.rule in self.disabled:
            return True
        covering = [
            one
            for one in self.valid
            if one.rule == finding.rule
            and any(f"{finding.path}/".startswith(f"{place}/") for place in one.places)
        ]
        for waiver in covering:
            if finding not in waiver.used_by:
                waiver.used_by.append(finding)
        return bool(covering)

    def remaining(self, findings: Iterable[Finding], *, mechanism: str) -> list[Finding]:
        """Return what is left of *all* findings of a mechanism, and its waivers that are unused.

        In the order of files and lines, each once.
        """
        left = [one for one in findings if not self.covers(one)]
        for waiver in self.valid:
            rule = rules.RULES.get(waiver.rule)
            if (rule.mechanism if rule else "layout") != mechanism:  # a project's own: layout
                continue
            if not waiver.used_by:
                message = f"nothing breaks {waiver.rule} here any more. Delete the waiver."
                left.append(Finding(FILE, waiver.line, "waivers_are_used", message))
            for path, excused in waiver.places.items():
                found = [one for one in waiver.used_by if one.path == path]
                if excused is not ANY and len(found) > excused:
                    left += found
                elif len(found) < excused and waiver.used_by:
                    message = f"{path} breaks {waiver.rule} {len(found)} times, not {excused}."
                    message = f"{message} Write {len(found)}."
                    left.append(Finding(FILE, waiver.line, "waivers_are_used", message))
        return sorted(set(left))

    def notices(self) -> list[Finding]:
        """Return an announcement, which is no error, for each waiver that ends soon."""
        found = []
        for one in self.valid:
            if one.until - self.today <= NOTICE:
                message = f"the waiver for {one.rule} ends on {one.until}. Mend what it excuses."
                found.append(Finding(FILE, one.line, "waivers_are_valid", message))
        return found


def read(root: StrPath, *, today: date) -> Waivers:
    """Return what the project at `root` excuses; without the file, no waivers."""
    given = settings.read(root)
    waivers = Waivers(today=today, disabled=given.disabled)
    path = Path(root, FILE)
    if not path.exists():
        return waivers
    try:
        table = ownership.read_toml(path, if_missing="")
    except ownership.Malformed as error:
        waivers.wrong.append(Finding(FILE, error.line, "waivers_are_valid", error.message))
        return waivers
    lines = path.read_text(encoding="utf-8").splitlines()
    heads = [n for n, line in enumerate(lines, 1) if line.lstrip().startswith("[[")]
    entries = table.pop("waiver", [])
    if table or not isinstance(entries, list):
        message = "it holds something else than waivers. Begin each one with [[waiver]]."
        waivers.wrong.append(Finding(FILE, 1, "waivers_are_valid", message))
        return waivers
    for line, entry in zip(heads, entries, strict=False):
        if why := _why_wrong(entry, today=today, known=given.rule_names()):
            waivers.wrong.append(Finding(FILE, line, "waivers_are_valid", why))
            continue
        places = entry.get("count") or {entry["path"]: ANY}
        waivers.valid.append(
            Waiver(
                rule=entry["rule"],
                line=line,
                until=entry["until"],
                reason=entry["reason"],
                places={place.removeprefix("./").rstrip("/"): n for place, n in places.items()},
            )
        )
    return waivers


def _why_wrong(entry: dict[str, Any], *, today: date, known: list[str]) -> str:
    """Return the first thing that is wrong with an entry, and its cure; "" where all is well."""
    rule, until = entry.get("rule"), entry.get("until")
    write = f"Write until = {today + LONGEST / 2}."
    texts = [entry.get(key, "") for key in ("path", "reason")]
    for key in entry:
        if key not in KEYS:
            return f"a waiver has no key {key!r}. Known: {', '.join(KEYS)}."
    if rule not in known:
        return f"{rules.unknown(str(rule), known=known)} Correct the name."
    if rule in NOT_WAIVABLE:
        return f"{rule} cannot be waived. Mend what it reports."
    if not all(isinstance(text, str) for text in texts) or not _is_count(entry.get("count", {})):
        return "path and reason are texts, and count is a table of paths and numbers."
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
