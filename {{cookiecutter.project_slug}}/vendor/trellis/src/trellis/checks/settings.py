"""The check's settings: `[tool.trellis]` in the project's pyproject.toml.

rules.md shows them, layers.py lists the groups of modules.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trellis import ownership
from trellis.checks import rules
from trellis.checks.layers import FRONT_DOOR, FRONT_GROUPS, GROUPS, LAYERS
from trellis.checks.rules import Finding
from trellis.ownership import StrPath

FILE = "pyproject.toml"
KNOWN = ("disable", "extra_modules", "own_rules", "project_name", "template_version")
OWN_RULE = re.compile(r"(?P<path>.+\.py):(?P<name>\w+)")


@dataclass
class Settings:
    """What a project has set. What is wrong is in `faults`, and nothing else is set then."""

    disabled: frozenset[str] = frozenset()
    extra_modules: dict[str, str] = field(default_factory=dict)
    own_rules: dict[str, str] = field(default_factory=dict)  # name of the rule: its file
    faults: list[Finding] = field(default_factory=list)

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
    """Return the settings of the project at `root`."""
    path = Path(root, FILE)
    if not path.exists():
        return Settings()
    try:
        whole = ownership.read_toml(path, if_missing="")
    except ownership.Malformed as error:
        return Settings(faults=[Finding(FILE, error.line, "settings_are_valid", error.message)])
    tool = whole.get("tool")
    table = tool.get("trellis", {}) if isinstance(tool, dict) else {}
    if fault := _fault(table):
        word, message = fault
        lines = path.read_text(encoding="utf-8").splitlines()
        start = next((n for n, text in enumerate(lines) if "[tool.trellis" in text), 0)
        line = next((n for n, text in enumerate(lines[start:], start) if word in text), start)
        return Settings(faults=[Finding(FILE, line + 1, "settings_are_valid", message)])
    return Settings(
        disabled=frozenset(table.get("disable", [])),
        extra_modules=table.get("extra_modules", {}),
        own_rules=_own_rules(table),
    )


def _fault(table: Any) -> tuple[str, str] | None:
    """Return (word of the line, message) for the first thing that is wrong, or None."""
    if not isinstance(table, dict):
        return "trellis", "tool.trellis is not a table. Write [tool.trellis]."
    for key, value in table.items():
        is_list = isinstance(value, list) and all(isinstance(one, str) for one in value)
        if key not in KNOWN:
            return key, f"there is no setting {key!r}. Known: {', '.join(KNOWN)}."
        if key in ("disable", "own_rules") and not is_list:
            return key, f'{key} is not a list of texts. Write {key} = ["…"].'
        if key == "extra_modules" and not isinstance(value, dict):
            return key, f'{key} is not a table. Write {key} = {{ serializers = "forms" }}.'
    for place in table.get("own_rules", []):
        if not OWN_RULE.fullmatch(place):
            return place, f"own rule {place!r}: write path/to/file.py:function."
    known = [*rules.RULES, *_own_rules(table)]
    for name in table.get("disable", []):
        if name not in known:
            return name, f"disable: {rules.unknown(name, known=known)} Correct the name."
    for name, group in table.get("extra_modules", {}).items():
        if group not in GROUPS:
            return name, f"{name} cannot be in {group!r}. The groups are {', '.join(GROUPS)}."
    return None


def _own_rules(table: dict[str, Any]) -> dict[str, str]:
    found = [OWN_RULE.fullmatch(place) for place in table.get("own_rules", [])]
    return {match["name"]: match["path"] for match in found if match}
