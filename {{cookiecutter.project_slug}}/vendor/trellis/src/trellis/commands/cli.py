"""The command `trellis`. Run it in the project's folder.

Exit status: 0 when all is well, 1 when something was found, 2 when nothing could be done.
"""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from trellis import ownership
from trellis.checks import layout
from trellis.checks.layout import report, source


def run() -> None:
    """Run the command line; leave with its exit status."""
    sys.path.insert(0, str(Path.cwd()))  # so that the project's own packages are found
    sys.exit(main(sys.argv[1:], root=Path.cwd()))


def main(arguments: list[str], *, root: Path) -> int:
    """Run one command of `arguments`; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.function(options, root))
    except source.Unreadable as error:
        print(f"{error.place.path}/ {error.why}. Nothing was looked at.", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="trellis", description="The house rules of this project.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, function, what in (
        ("check", check, "is everything where it belongs?"),
        ("owners", owners, "write .github/CODEOWNERS from teams.toml and each OWNERS.toml"),
        ("waivers", waivers, "list every waiver by owner, with the days it has left"),
        ("drift", drift, "how complexity arrived, by app and month, from git's history"),
        ("rules", rules, "list every rule"),
        ("explain", explain, "explain one rule"),
        ("setup", setup, "write .env, prepare the database (make setup)"),
        ("ci", ci, "run every check that CI runs (make check)"),
        ("remove-example", remove_example, "take the workshop example out"),
    ):
        command = commands.add_parser(name, help=what, description=what)
        command.set_defaults(function=function)
        if name == "check":
            command.add_argument("--format", choices=("text", "github", "json"), default="text")
        if name == "explain":
            command.add_argument("rule")
        if name == "drift":
            command.add_argument("--since", default="", help="the first month, such as 2026-01")
    return parser


def check(options: argparse.Namespace, root: Path) -> int:
    found = layout.check(root=root, today=datetime.now(UTC).date())
    if options.format != "text":
        text = report.as_json(found) if options.format == "json" else report.annotations(found)
        print(text, end="")
        return 1 if found else 0
    for violation in found:
        print(violation)
    if not found:
        print("No violations.")
        return 0
    print(f"{len(found)} violation{'s' if len(found) > 1 else ''}.", file=sys.stderr)
    return 1


def owners(options: argparse.Namespace, root: Path) -> int:
    try:
        ownership.write(root=root)
        print(f"Wrote {ownership.CODEOWNERS}.")
    except ownership.Malformed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def waivers(options: argparse.Namespace, root: Path) -> int:
    listed = report.waivers(source.read(root, today=datetime.now(UTC).date()))
    print(listed or "No waivers.\n", end="")
    return 0


def rules(options: argparse.Namespace, root: Path) -> int:
    return report.explain(*layout.rules)


def explain(options: argparse.Namespace, root: Path) -> int:
    return report.explain(options.rule)


def drift(options: argparse.Namespace, root: Path) -> int:
    from trellis.commands import drift

    return drift.main(since=options.since, root=root)


def setup(options: argparse.Namespace, root: Path) -> int:
    from trellis.commands import setup  # it loads Django

    return setup.main(root=root)


def ci(options: argparse.Namespace, root: Path) -> int:
    from trellis.commands import ci

    return ci.main()


def remove_example(options: argparse.Namespace, root: Path) -> int:
    from trellis.commands import remove_example

    return remove_example.main(root=root)
