"""Every rule of the check: what it asks, what it cannot see, and which mechanism judges it.

They stand in rules.md, of which `trellis rules` and `trellis explain` are made. A rule
has one mechanism:

layout        reads files and syntax, with the standard library only (`trellis check`)
declarations  looks at the project that Django has loaded (`manage.py check`)
guards        watches the queries and calls of a running project (tests and `runserver`)
proofs        are assertions of the project's own tests
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

TEXT = Path(__file__).with_name("rules.md").read_text(encoding="utf-8")


class Finding(NamedTuple):
    """One place that breaks a rule."""

    path: str  # from the project's root, with "/" on every system
    line: int  # from 1; 1 also for what is about a whole file or folder
    rule: str
    message: str  # what is wrong. What to do.

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.message}"


class Rule(NamedTuple):
    """What a rule asks for, in one sentence each."""

    name: str
    mechanism: str
    asks: str
    cannot_see: str


def _read() -> dict[str, Rule]:
    rules = {}
    _, *sections = TEXT.split("\n## ")
    for section in sections:
        mechanism = section.partition("\n")[0].lower()
        for row in re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \|$", section, re.MULTILINE):
            rules[row[0]] = Rule(row[0], mechanism, row[1], row[2])
    return rules


RULES = _read()


def unknown(name: str, *, known: Iterable[str] = RULES) -> str:
    """Return what to say about a name that is no rule, with the one that was probably meant."""
    near = "".join(f" Did you mean {one}?" for one in get_close_matches(name, [*known], 1))
    return f"there is no rule {name!r}.{near}"
