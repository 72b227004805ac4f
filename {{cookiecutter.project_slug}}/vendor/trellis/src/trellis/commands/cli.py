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
from trellis.commands import check, ci, drift, remove_example

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
        return _run(options, root=root)
    except NothingToCheck as error:
        print(error, file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="trellis", description="The house rules of this project.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for name, what in (
        ("check", "is everything where it belongs?"),
        ("owners", "write .github/CODEOWNERS from teams.toml and each OWNERS.toml"),
        ("waivers", "list every waiver by owner, with the days it has left"),
        ("drift", "how complexity arrived, by app and month, from git's history"),
        ("rules", "list every rule"),
        ("explain", "explain one rule"),
        ("setup", "write .env, prepare the database (make setup)"),
        ("ci", "run every check that CI runs (make check)"),
        ("remove-example", "take the workshop example out"),
    ):
        command = commands.add_parser(name, help=what, description=what)
        if name == "check":
            command.add_argument("paths", nargs="*", metavar="PATH", help="only what is in it")
            command.add_argument("--format", choices=report.FORMATS, default="text")
            command.add_argument("--baseline", action="store_true", help="waive what there is now")
        if name == "explain":
            command.add_argument("rule")
        if name == "drift":
            command.add_argument("--since", default="", help="the first month, such as 2026-01")
    return parser


def _run(options: argparse.Namespace, *, root: Path) -> int:
    match options.command:
        case "check" if options.baseline:
            return check.write_baseline(root=root)
        case "check":
            return check.check(root=root, paths=options.paths, form=options.format)
        case "owners":
            return _write_owners(root)
        case "waivers":
            return check.show_waivers(root=root)
        case "drift":
            return drift.main(since=options.since, root=root)
        case "rules":
            return check.show_rules()
        case "explain":
            return check.explain(name=options.rule, root=root)
        case "setup":
            from trellis.commands import setup  # it loads Django

            return setup.main(root=root)
        case "ci":
            return ci.main()
        case _:
            return remove_example.main(root=root)


def _write_owners(root: Path) -> int:
    try:
        ownership.write(root=root)
    except ownership.Malformed as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Wrote {ownership.CODEOWNERS}.")
    return 0
