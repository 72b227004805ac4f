"""Cases of rules, read from text: what breaks a rule, and what only looks like it.

    == layers_point_down: broken

    apps/bookings/models.py
        from apps.bookings import services  # !

A line that the rule must report ends in `# !`.
"""

from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

HERE = Path(__file__).parent


class Case(NamedTuple):
    """One file that is added to a project."""

    rule: str
    is_broken: bool
    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.rule}-{Path(self.path).stem}-{self.text.strip().splitlines()[-1].strip()}"

    def marked(self) -> set[str]:
        """Return the places that the rule must report, as "path:line"."""
        lines = enumerate(self.text.split("\n"), 1)
        return {f"{self.path}:{number}" for number, line in lines if line.endswith("# !")}


def read(name: str) -> list[Case]:
    """Return the cases of a file beside this one."""
    found = []
    _, *sections = (HERE / name).read_text(encoding="utf-8").split("\n== ")
    for section in sections:
        head, _, body = section.partition("\n")
        rule, _, kind = head.partition(": ")
        for block in _blocks(body):
            path, _, text = block.partition("\n")
            found.append(Case(rule, kind == "broken", path, dedent(text)))
    return found


def files(name: str) -> dict[str, str]:
    """Return the files of one project, by path: the text has no sections."""
    _, _, body = (HERE / name).read_text(encoding="utf-8").partition("\n\n")
    blocks = [block.partition("\n") for block in _blocks(body)]
    return {path: dedent(text) for path, _, text in blocks}


def _blocks(body: str) -> list[str]:
    """Return each path with the indented code beneath it."""
    blocks: list[str] = []
    for line in body.splitlines():
        if line and not line.startswith(" "):
            blocks.append(line)
        elif blocks:
            blocks[-1] += f"\n{line}"
    return [f"{block.rstrip()}\n" for block in blocks]


def broken(cases: list[Case]) -> list[Case]:
    return [case for case in cases if case.is_broken]


def clean(cases: list[Case]) -> list[Case]:
    return [case for case in cases if not case.is_broken]


def rules_with_too_few(cases: list[Case]) -> list[str]:
    """Return the rules with fewer than three broken or two clean cases."""
    rules = dict.fromkeys(case.rule for case in cases)
    return [
        rule
        for rule in rules
        if sum(case.rule == rule for case in broken(cases)) < 3
        or sum(case.rule == rule for case in clean(cases)) < 2
    ]
