"""The command `trellis`. Run it in the project's folder.

Exit status: 0 when all is well, 1 when something was found, 2 when nothing could be done.
"""

import argparse
import io
import os
import sys
from pathlib import Path

from trellis import ownership
from trellis.checks import report
from trellis.checks.project import NothingToCheck
from trellis.commands import check as checking

CLOSED_PIPE = 141  # what a shell says of a program that wrote to a closed pipe


def run() -> None:
    """Run the command line; leave with its exit status."""
    sys.path.insert(0, str(Path.cwd()))  # so that the project's own packages are found
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a path may hold any bytes
    try:
        status = main(sys.argv[1:], root=Path.cwd())
        sys.stdout.flush()
    except BrokenPipeError:  # as in `trellis check | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for Python's last flush
        status = CLOSED_PIPE
    sys.exit(status)


def main(arguments: list[str], *, root: Path) -> int:
    """Run one command of `arguments`; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.function(options, root))
    except NothingToCheck as error:
        print(error, file=sys.stderr)
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
            command.add_argument("paths", nargs="*", metavar="PATH", help="only what is in it")
            command.add_argument("--format", choices=report.FORMATS, default="text")
            command.add_argument("--baseline", action="store_true", help="waive what there is now")
        if name == "explain":
            command.add_argument("rule")
        if name == "drift":
            command.add_argument("--since", default="", help="the first month, such as 2026-01")
    return parser


def check(options: argparse.Namespace, root: Path) -> int:
    if options.baseline:
        return checking.write_baseline(root=root)
    return checking.check(root=root, paths=options.paths, form=options.format)


def owners(options: argparse.Namespace, root: Path) -> int:
    try:
        ownership.write(root=root)
        print(f"Wrote {ownership.CODEOWNERS}.")
    except ownership.Malformed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def waivers(options: argparse.Namespace, root: Path) -> int:
    return checking.show_waivers(root=root)


def rules(options: argparse.Namespace, root: Path) -> int:
    return checking.show_rules()


def explain(options: argparse.Namespace, root: Path) -> int:
    return checking.explain(name=options.rule, root=root)


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
