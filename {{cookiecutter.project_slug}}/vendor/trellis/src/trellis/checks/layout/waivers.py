"""Excuses: `# layout: allow <rule> until <date>: <reason>`, on the line they are for.

Loaded only where there are any.
"""

import re
import tokenize
from collections.abc import Iterator
from datetime import date, timedelta
from difflib import get_close_matches
from functools import cached_property
from io import StringIO

from trellis.checks.layout.engine import rules
from trellis.checks.layout.source import WAIVER_SIGN, Module, Place

LONGEST = 180  # days
FORM = re.compile(
    r"\s*allow\s+(?P<rule>\w+)(?:\s+until\s+(?P<until>[^\s:]+))?\s*(?::\s*(?P<reason>.*?))?\s*$"
)


class Waiver:
    """One excuse, and whether it holds."""

    def __init__(self, *, place: Place, app: str, text: str, today: date) -> None:
        said = FORM.match(text)
        self.place = place
        self.app = app
        self.rule, self.until, self.reason = said.groups("") if said else ("", "", "")
        self.today = today
        self.used = False

    @property
    def days_left(self) -> int | None:
        """Until its last day; None where no date can be understood."""
        try:
            return (date.fromisoformat(self.until) - self.today).days
        except ValueError:
            return None

    @cached_property
    def fault(self) -> tuple[str, str] | None:
        """(rule, message) of why it excuses nothing; None where it does."""
        until = f"until {(self.today + timedelta(days=90)).isoformat()}"
        if not self.rule:
            form = f"{WAIVER_SIGN} allow <rule> {until}: <reason>"
            return "waivers_are_used", f"it cannot be understood. Write `{form}`."
        if self.rule not in rules or self.rule.startswith("waivers_"):
            near = "".join(
                f" Did you mean {name}?" for name in get_close_matches(self.rule, rules, 1)
            )
            fault = f"there is no rule {self.rule} to be excused from. Mend the name.{near}"
            return "waivers_are_used", fault
        if not self.reason:
            return "waivers_have_a_reason", "no reason is given. End it with `: why`."
        if not self.until:
            return "waivers_expire", f"no date is given. Write `{until}`."
        days = self.days_left
        if days is None:
            return "waivers_expire", f"{self.until} is no date. Write `{until}`."
        if days < 0:
            ended = f"it ended on {self.until}"
            return "waivers_expire", f"{ended}. Mend what it excuses, then delete it."
        if days > LONGEST:
            far = f"{self.until} is more than {LONGEST} days away"
            return "waivers_expire", f"{far}. Write `{until}`."
        return None


def of(module: Module, *, today: date) -> Iterator[Waiver]:
    """Yield the waivers among a module's comments."""
    for token in tokenize.generate_tokens(StringIO(module.source).readline):
        if token.type == tokenize.COMMENT:
            for text in token.string.split(WAIVER_SIGN)[1:]:
                if text.split()[:1] == ["allow"]:  # else it speaks of some other layout
                    place = Place(module.path, token.start[0])
                    yield Waiver(place=place, app=module.app, text=text, today=today)
