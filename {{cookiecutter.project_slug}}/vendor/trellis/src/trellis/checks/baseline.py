"""`trellis check --baseline`: waivers for all that breaks a rule today.

They stand at the end of waivers.toml, one for each rule and app, with a number for each file. So
one more finding in a file is reported, and one less has to be counted down: run it again.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from trellis import ownership
from trellis.checks import layout, waivers
from trellis.checks.rules import Finding
from trellis.checks.waivers import FILE, LONGEST, NOT_WAIVABLE

MARK = "# Below: written by `trellis check --baseline`. Run it again when you have mended some.\n"
REASON = "It was there when the check was adopted."


def write(*, root: Path, today: date) -> int:
    """Write the waivers anew below MARK; return how many. Those above it are kept as they are."""
    path = root / FILE
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    until = _ends(root, today=today)
    by_hand = text.partition(MARK)[0].rstrip("\n")
    path.write_text(f"{by_hand}\n" if by_hand else "", encoding="utf-8")
    found = layout.check(root=root, today=today)
    groups = _groups(one for one in found if one.rule not in NOT_WAIVABLE)
    entries = [
        _entry(rule, count, until=until.get((rule, app), today + LONGEST))
        for (rule, app), count in sorted(groups.items())
    ]
    if entries:
        start = f"{by_hand}\n\n" if by_hand else ""
        path.write_text(f"{start}{MARK}" + "".join(entries), encoding="utf-8")
    return len(entries)


def _ends(root: Path, *, today: date) -> dict[tuple[str, str], date]:
    """Return when the waivers of an earlier baseline end: a new one does not put that off."""
    valid = waivers.read(root, today=today).valid
    return {
        (one.rule, ownership.app_of(next(iter(one.places)))): one.until
        for one in valid
        if waivers.ANY not in one.places.values()
    }


def _groups(found: Iterable[Finding]) -> dict[tuple[str, str], Counter[str]]:
    groups: dict[tuple[str, str], Counter[str]] = {}
    for one in found:
        groups.setdefault((one.rule, ownership.app_of(one.path)), Counter())[one.path] += 1
    return groups


def _entry(rule: str, count: Counter[str], *, until: date) -> str:
    lines = [
        "",
        "[[waiver]]",
        f'rule = "{rule}"',
        f"until = {until.isoformat()}",
        f'reason = "{REASON}"',
        "[waiver.count]",
        *(f"{_toml(path)} = {number}" for path, number in sorted(count.items())),
    ]
    return "\n".join(lines) + "\n"


def _toml(text: str) -> str:
    """Return a text as a TOML string."""
    escaped = text.encode("utf-8", "backslashreplace").decode()
    return '"' + escaped.replace("\\", "\\\\").replace('"', '\\"') + '"'
