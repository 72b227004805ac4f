"""How many faults, seeded into the template one at a time, do its own tests catch?

    make mutate [faults="3 7"]
    make mutate faults=--list

Each fault of bench/faults.py goes into a copy of the template. First the tests run that are
expected to catch it. If they pass, the steps of `make check` run in a project made from the copy,
and then all tests of the template. What nothing catches is printed with what it would do to
people; the exit status is the number of those.
"""

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TEMPLATE))

import demo  # noqa: E402  # beside this folder, in no installed package
from bench.faults import FAULTS, FOLDER, Fault  # noqa: E402

SOURCE = "vendor/trellis/src"  # of the library, in a project
LONGEST = 1800  # seconds that one command may take


@dataclass(frozen=True)
class Copy:
    """A copy of the template, and a project made from it. `sound` is one without a fault."""

    place: Path
    sound: Path

    @property
    def template(self) -> Path:
        return self.place / "template"

    @property
    def project(self) -> Path:
        return self.place / demo.NAME

    def environment(self) -> dict[str, str]:
        """Return an environment for the project: the sound one's packages, but its own library."""
        packages = self.sound / demo.NAME / ".venv"
        path = f"{packages / 'bin'}{os.pathsep}{os.environ['PATH']}"
        source = str(self.project / SOURCE)
        own = {"PATH": path, "VIRTUAL_ENV": str(packages), "PYTHONPATH": source}
        return demo.clean_environment() | own


def copy_template(into: Path) -> None:
    """Copy the template to `into/template`, as a repository of its own."""
    template = into / "template"
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=TEMPLATE, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    for name in filter(None, listed):
        (template / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(TEMPLATE / name, template / name, follow_symlinks=False)
    author = ("-c", "user.name=Trellis", "-c", "user.email=trellis@example.com")
    for command in (["init", "-q"], ["add", "-f", "."], [*author, "commit", "-qm", "As it is"]):
        subprocess.run(["git", *command], cwd=template, check=True)


def seed(fault: Fault, *, template: Path) -> None:
    """Write a fault into a copy of the template."""
    for one in filter(None, (fault, fault.along)):
        path = one.file(template)
        path.write_text(path.read_text().replace(one.old, one.new))


def caught_by(fault: Fault, *, scratch: Path, sound: Path) -> str:
    """Return what caught the fault; "" if nothing did."""
    copy = Copy(scratch, sound)
    copy_template(scratch)
    seed(fault, template=copy.template)
    where, _, rest = fault.caught_by.partition(" ")
    if where != "project" and (found := in_template(fault.caught_by, copy=copy)):
        return found
    if found := generate(copy):
        return found
    if where == "project" and (found := in_project(rest, copy=copy)):
        return found
    for name in steps(copy):
        if found := in_project(name, copy=copy):
            return found
    return in_template("tests", copy=copy)


def generate(copy: Copy) -> str:
    """Make the copy's project; return "generation" if that fails."""
    command = [sys.executable, "-m", "cookiecutter", str(copy.template), "--no-input"]
    environment = demo.clean_environment()
    made = failure([*command, "-o", str(copy.place)], cwd=copy.place, environment=environment)
    return "generation" if made else ""


def in_template(tests: str, *, copy: Copy) -> str:
    """Return which of the template's tests fails with the fault, and not without it."""
    found = run_tests(tests, template=copy.template)
    if found and without_fault(found, template=copy.sound / "template"):
        sys.exit(f"Without any fault, {found} fails. Mend that first.")
    return found


def run_tests(tests: str, *, template: Path) -> str:
    """Run some of the template's tests; return as `failure` does.

    (Not the test that looks for the text of each fault: it would catch them all.)
    """
    arguments = tests.split() if " -k " in tests or " tests/" in tests else [tests]
    ignored = "--ignore=tests/template/test_mutate.py"
    command = [sys.executable, "-m", "pytest", "-x", ignored, *arguments]
    library = os.pathsep.join([str(template / FOLDER / SOURCE), str(template)])
    environment = {**os.environ, "PYTHONPATH": library}
    return failure(command, cwd=template, environment=environment)


without_fault = functools.cache(run_tests)


def in_project(what: str, *, copy: Copy) -> str:
    """Run a step of `make check`, or the tests in a folder; return as `failure` does."""
    tests = ["python", "-m", "pytest", "-q", "-x", what]
    command = steps(copy).get(what, tests)
    found = failure(command, cwd=copy.project, environment=copy.environment())
    return found and f"{what}: {found}"


def steps(copy: Copy) -> dict[str, list[str]]:
    """Return the steps of `make check` that judge behaviour, by name."""
    listing = "import json; from trellis.commands import ci;"
    listing += "print(json.dumps({one.name: one.command[1:] for one in ci.STEPS}))"
    listed = subprocess.run(
        ["python", "-c", listing],
        cwd=copy.project,
        env=copy.environment(),
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    # A person would mend what lint and format report, and leave the fault.
    form = ("lint", "format")
    found = {name: ["python", *rest] for name, rest in json.loads(listed).items()}
    return {name: command for name, command in found.items() if name not in form}


def failure(command: list[str], *, cwd: Path, environment: dict[str, str]) -> str:
    """Run a command; return "" if it succeeds, else the test that failed, or the program."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=LONGEST,
    )
    if not done.returncode:
        return ""
    named = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", done.stdout, re.MULTILINE)
    return named[1] if named else command[2]


def main(arguments: list[str]) -> int:
    """Seed all faults, or those with the given numbers; return how many escaped."""
    numbered = list(enumerate(FAULTS, 1))
    if arguments == ["--list"]:
        for number, fault in numbered:
            print(f"{number:3}  {fault.path}: {fault.what}")
        return 0
    wanted = {int(number) for number in arguments}
    chosen = [(number, fault) for number, fault in numbered if not wanted or number in wanted]
    escaped = []
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder)
        copy_template(sound)
        demo.generate(into=sound)
        demo.run(["make", "setup"], cwd=sound / demo.NAME)
        for name in steps(Copy(sound, sound)):
            if found := in_project(name, copy=Copy(sound, sound)):
                sys.exit(f"Without any fault, {found} fails. Mend that first.")
        for number, fault in chosen:
            started = time.monotonic()
            with tempfile.TemporaryDirectory() as scratch:
                caught = caught_by(fault, scratch=Path(scratch), sound=sound)
            seconds = time.monotonic() - started
            print(f"{number:3} {seconds:6.1f} s  {fault.what}: {caught or 'ESCAPED'}", flush=True)
            if not caught:
                escaped.append(f"{fault.what}: nothing tests {fault.old!r} in {fault.path}")
    seconds = time.monotonic() - begun
    print(f"\n{len(chosen) - len(escaped)} of {len(chosen)} caught in {seconds:.0f} s.")
    print("".join(f"Escaped: {line}\n" for line in escaped), end="")
    return len(escaped)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
