"""How many faults, seeded into the template one at a time, do its own tests catch?

    make mutate [faults="3 7"]
    make mutate faults=--list

Each fault of bench/faults.py goes into a copy of the template, and a project is made from it. First
the tests run that are expected to catch the fault. If they pass, the steps of `make check` run in
the project, and then all tests of the template. What nothing catches is printed with what it would
do to people; the exit status is the number of those.
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
NOT_RUN = "tests/template/test_mutate.py"
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

    def generate(self) -> str:
        """Make the project and set it up; return "generation" if that fails."""
        command = [sys.executable, "-m", "cookiecutter", str(self.template), "--no-input"]
        environment = demo.clean_environment()
        arguments = ["-o", str(self.place)]
        if failure([*command, *arguments], cwd=self.place, environment=environment):
            return "generation"
        self._take_packages()
        return ""

    def _take_packages(self) -> None:
        """Take packages, `.env` and data of the sound project, but not its library."""
        sound, own = self.sound / demo.NAME, self.project
        subprocess.run(["cp", "-al", str(sound / ".venv"), str(own / ".venv")], check=True)
        for path in (*(own / ".venv/bin").iterdir(), *(own / ".venv/lib").rglob("*.pth")):
            old, new = str(sound).encode(), str(own).encode()
            if path.is_file() and not path.is_symlink() and old in (text := path.read_bytes()):
                mode = path.stat().st_mode
                path.unlink()  # it is a link to the sound project's file
                path.write_bytes(text.replace(old, new))
                path.chmod(mode)
        shutil.copy(sound / ".env", own / ".env")
        shutil.copytree(sound / "var", own / "var")


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
    if found := copy.generate():
        return found
    where, _, rest = fault.caught_by.partition(" ")
    if where == "project":
        found = in_project(rest, project=copy.project)
    else:
        found = in_template(fault.caught_by, copy=copy)
    for name in () if found else steps(copy.project):
        found = found or in_project(name, project=copy.project)
    return found or in_template("tests", copy=copy)


def in_template(tests: str, *, copy: Copy) -> str:
    """Return which of the template's tests fails with the fault, and not without it."""
    found = run_tests(tests, template=copy.template, project=copy.project)
    sound = copy.sound / "template"
    if found and without_fault(found, template=sound, project=copy.sound / demo.NAME):
        sys.exit(f"Without any fault, {found} fails. Mend that first.")
    return found


def run_tests(tests: str, *, template: Path, project: Path) -> str:
    """Run some of the template's tests; return as `failure` does.

    (Not the test that looks for the text of each fault: it would catch them all.)
    """
    own: dict[str, str] = {}
    if tests.startswith("postgres ") and (server := os.environ.get("TRELLIS_POSTGRES_URL")):
        own["DATABASE_URL"] = f"{server}_{os.getpid()}"
    tests = tests.removeprefix("postgres ")
    # A test's id may hold spaces; several paths, or a -k, are told apart by them.
    arguments = tests.split() if "::" not in tests else [tests]
    command = [sys.executable, "-m", "pytest", "-x", f"--ignore={NOT_RUN}", *arguments]
    own |= {
        "PYTHONPATH": os.pathsep.join([str(template / FOLDER / SOURCE), str(template)]),
        "TRELLIS_READY_PROJECT": str(project),
    }
    return failure(command, cwd=template, environment={**os.environ, **own})


without_fault = functools.cache(run_tests)


def in_project(what: str, *, project: Path) -> str:
    """Run a step of `make check`, or the tests in a folder; return as `failure` does."""
    tests = [str(project / ".venv/bin/python"), "-m", "pytest", "-q", "-x", what]
    command = steps(project).get(what, tests)
    found = failure(command, cwd=project, environment=demo.clean_environment())
    return found and f"{what}: {found}"


def steps(project: Path) -> dict[str, list[str]]:
    """Return the command of each step of `make check` that judges behaviour."""
    listing = "import json; from trellis.commands import ci;"
    listing += "print(json.dumps({one.name: one.command for one in ci.STEPS}))"
    command = [str(project / ".venv/bin/python"), "-c", listing]
    found: dict[str, list[str]] = json.loads(demo.run(command, cwd=project))
    # A person would mend what lint and format report, and leave the fault.
    return {name: rest for name, rest in found.items() if name not in ("lint", "format")}


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
    named = re.search(r"^(?:FAILED|ERROR) (\S.*?)(?: - .*)?$", done.stdout, re.MULTILINE)
    if not named:
        print(done.stdout[-2000:], file=sys.stderr)  # it says why
    # Without the group, as in test_hostile.py::Test::test[a name]@sqlite.
    return re.sub(r"@\w+$", "", named[1]) if named else command[2]


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
        for name in steps(sound / demo.NAME):
            if found := in_project(name, project=sound / demo.NAME):
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
