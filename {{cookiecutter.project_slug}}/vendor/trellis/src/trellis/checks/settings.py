"""The check's settings: `[tool.trellis]` in the project's pyproject.toml.

    [tool.trellis]
    disable = ["layer_has_tests"]              # rules that are not judged
    limits = { waiver_days = 90 }              # see LIMITS
    extra_modules = { serializers = "forms" }  # module names of your own, each with its group
    own_rules = ["tests/rules.py:no_print"]    # rules of your own

layers.py lists the groups, own_rules.py shows a rule.
"""

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from trellis import ownership
from trellis.checks import rules
from trellis.checks.layers import FRONT_DOOR, FRONT_GROUPS, GROUPS, LAYERS
from trellis.checks.rules import Finding
from trellis.ownership import StrPath

FILE = "pyproject.toml"
LIMITS = {
    "waiver_days": 180,  # how far away the end of a waiver may be
    "waiver_notice_days": 14,  # how long before its end it is announced
}
KNOWN = ("disable", "limits", "extra_modules", "own_rules", "project_name", "template_version")


@dataclass(frozen=True)
class Settings:
    """What a project has set; the defaults where it has set nothing or something wrong."""

    disabled: frozenset[str] = frozenset()
    limits: dict[str, int] = field(default_factory=lambda: dict(LIMITS))
    extra_modules: dict[str, str] = field(default_factory=dict)
    own_rules: dict[str, str] = field(default_factory=dict)  # name of the rule: its file
    python: tuple[int, ...] = ()  # the oldest Python the project runs on; () where it is not said
    faults: tuple[Finding, ...] = ()

    def group_of(self, module: str) -> str:
        """Return the group of a module name, such as "doors" for "views"; "" where it has none."""
        return self.extra_modules.get(module) or LAYERS.get(module, "")

    def is_front_door(self, module: str) -> bool:
        """Whether other apps may import a module of this name."""
        return module in FRONT_DOOR or self.extra_modules.get(module) in FRONT_GROUPS

    def rule_names(self) -> list[str]:
        """Return the names of all rules, the project's own among them."""
        return [*rules.RULES, *self.own_rules]


def read(root: StrPath) -> Settings:
    """Return the settings of the project at `root`. What is wrong with them is in `faults`."""
    path = Path(root, FILE)
    if not path.exists():
        return Settings()
    try:
        whole = ownership.read_toml(path, if_missing="")
    except ownership.Malformed as error:
        return Settings(faults=(_fault(error.message, line=error.line),))
    tool = whole.get("tool", {})
    table = tool.get("trellis", {}) if isinstance(tool, dict) else {}
    reader = _Reader(path.read_text(encoding="utf-8"))
    return reader.settings(table, python=_oldest_python(whole))


class _Reader:
    """Takes the table apart, and notes what it cannot use."""

    def __init__(self, text: str) -> None:
        self.lines = text.splitlines()
        self.faults: list[Finding] = []

    def settings(self, table: Any, *, python: tuple[int, ...]) -> Settings:
        if not isinstance(table, dict):
            self.wrong("tool", "tool.trellis is not a table. Write [tool.trellis].")
            table = {}
        for key in table:
            if key not in KNOWN:
                near = "".join(f" Did you mean {one}?" for one in get_close_matches(key, KNOWN, 1))
                self.wrong(key, f"there is no setting {key!r}.{near} Known: {', '.join(KNOWN)}.")
        own_rules = self.own_rules(table.get("own_rules", []))
        return Settings(
            disabled=frozenset(self.disabled(table.get("disable", []), own=own_rules)),
            limits=LIMITS | self.limits(table.get("limits", {})),
            extra_modules=self.extra_modules(table.get("extra_modules", {})),
            own_rules=own_rules,
            python=python,
            faults=tuple(self.faults),
        )

    def disabled(self, names: Any, *, own: dict[str, str]) -> list[str]:
        if not _is_list_of_text(names):
            self.wrong("disable", 'disable is not a list of rules. Write disable = ["rule"].')
            return []
        known = [*rules.RULES, *own]
        for name in names:
            if name not in known:
                self.wrong(name, f"disable: {rules.unknown(name, known=known)} Mend the name.")
        return list(names)

    def limits(self, table: Any) -> dict[str, int]:
        if not isinstance(table, dict):
            self.wrong("limits", "limits is not a table. Write limits = { waiver_days = 90 }.")
            return {}
        good = {}
        for name, value in table.items():
            if name not in LIMITS:
                self.wrong(name, f"there is no limit {name!r}. Known: {', '.join(LIMITS)}.")
            elif type(value) is not int or value < 0:
                self.wrong(name, f"{name} is not a number of days. Write one, such as 90.")
            else:
                good[name] = value
        return good

    def extra_modules(self, table: Any) -> dict[str, str]:
        if not isinstance(table, dict):
            shape = 'extra_modules = { serializers = "forms" }'
            self.wrong("extra_modules", f"extra_modules is not a table. Write {shape}.")
            return {}
        good = {}
        for name, group in table.items():
            if group not in GROUPS:
                known = ", ".join(GROUPS)
                self.wrong(name, f"{name} cannot be in {group!r}. The groups are {known}.")
            else:
                good[name] = group
        return good

    def own_rules(self, places: Any) -> dict[str, str]:
        if not _is_list_of_text(places):
            shape = 'own_rules = ["tests/rules.py:no_print"]'
            self.wrong("own_rules", f"own_rules is not a list. Write {shape}.")
            return {}
        good = {}
        for place in places:
            path, colon, name = place.rpartition(":")
            if not colon or not path.endswith(".py") or not name.isidentifier():
                shape = "path/to/file.py:function"
                self.wrong(place, f"own_rules: {place!r} is not of the form {shape}. Write that.")
            elif name in rules.RULES or name in good:
                self.wrong(place, f"own_rules: there is a rule {name} already. Rename yours.")
            else:
                good[name] = path
        return good

    def wrong(self, word: str, message: str) -> None:
        found = (number for number, line in enumerate(self.lines, 1) if word in line)
        start = next((n for n, line in enumerate(self.lines, 1) if "[tool.trellis" in line), 1)
        line = next((number for number in found if number >= start), start)
        self.faults.append(_fault(message, line=line))


def _fault(message: str, *, line: int) -> Finding:
    return Finding(FILE, line, "settings_are_valid", message)


def _is_list_of_text(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _oldest_python(whole: dict[str, Any]) -> tuple[int, ...]:
    """Return (3, 12) for `requires-python = ">=3.12"`; () where nothing of the kind is said."""
    project = whole.get("project")
    said = project.get("requires-python") if isinstance(project, dict) else ""
    found = re.search(r">=\s*(\d+)\.(\d+)", said) if isinstance(said, str) else None
    return (int(found[1]), int(found[2])) if found else ()
