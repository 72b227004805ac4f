"""`python -m conventions`: is the project still as it should be?

    python -m conventions [--format text|github|json]   the layout check
    python -m conventions --rules                       every rule, with its reason
    python -m conventions --explain RULE                one of them
    python -m conventions owners                        write .github/CODEOWNERS, catalog-info.yaml
    python -m conventions waivers                       every waiver by owner and days left
    python -m conventions drift [--since MONTH] [--html FILE]   how complexity arrived

Run it in the project's folder. Exit status: 0 clean, 1 violations, 2 nothing could be read.
"""

import gc
import sys
from datetime import UTC, datetime
from pathlib import Path

from conventions import layout, ownership
from conventions.layout import source


def main(*, arguments: list[str], root: Path) -> int:
    """Run one command; return the exit status."""
    if arguments[:1] == ["drift"]:
        from conventions import drift  # a whole history: seldom asked for, and slow to load

        return drift.main(arguments=arguments[1:], root=root)
    words = " ".join(arguments).replace("=", " ").split()
    if {"--help", "-h"} & {*words}:
        print(__doc__, end="")
        return 0
    form = _taken("--format", words) or "text"
    if "--rules" in words:
        return explain(*layout.rules)
    if rule := _taken("--explain", words):
        return explain(rule)
    commands = {"check": check, "owners": owners, "waivers": waivers}
    name = " ".join(words).removeprefix("layout").strip() or "check"
    if name not in commands or form not in ("text", "github", "json"):
        print(__doc__, file=sys.stderr)
        return 2
    if not (root / "apps").is_dir():
        print(f"There is no apps/ in {root}. Run this in the project's folder.", file=sys.stderr)
        return 2
    try:
        return commands[name](root=root, form=form)
    except source.Unreadable as error:
        print(f"{error.place.path}/ {error.why}. Nothing was looked at.", file=sys.stderr)
        return 2


def _taken(option: str, words: list[str]) -> str:
    """Take an option and its value out of `words`; return the value, or ""."""
    if option not in words[:-1]:
        return ""
    at = words.index(option)
    value = words[at + 1]
    del words[at : at + 2]
    return value


def explain(*names: str) -> int:
    from conventions.layout import report  # not loaded where every millisecond counts

    return report.explain(*names)


def check(*, root: Path, form: str) -> int:
    found = layout.check(root=root, today=datetime.now(UTC).date())
    if form != "text":
        from conventions.layout import report

        print(report.as_json(found) if form == "json" else report.annotations(found), end="")
        return 1 if found else 0
    for violation in found:
        print(violation)
    if not found:
        print("No violations.")
        return 0
    print(f"{len(found)} violation{'s' if len(found) > 1 else ''}.", file=sys.stderr)
    return 1


def owners(*, root: Path, form: str) -> int:
    try:
        print("Wrote " + " and ".join(ownership.write(root=root)) + ".")
    except ownership.Malformed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def waivers(*, root: Path, form: str) -> int:
    from conventions.layout import report

    listed = report.waivers(source.read(root, today=datetime.now(UTC).date()))
    print(listed or "No waivers.\n", end="")
    return 0


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):  # a file may be called what no terminal can show
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    gc.disable()  # a short life among many syntax trees: collecting them costs a third of the time
    sys.exit(main(arguments=sys.argv[1:], root=Path.cwd()))
