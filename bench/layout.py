"""How the layout check grows: time and memory for 10, 100 and 300 apps.

    uv run python bench/layout.py

Each size is measured in turns with a bare `ast.parse` of the same files. The exit status is 1
unless 300 apps take at most three times the bare parse, and one more app costs the same time and
memory, within 20%, between 100 and 300 apps as between 10 and 100.

Time is CPU time, which a busy machine changes little. Each run is a process of its own, started
by a small one: a process counts the memory of the one that started it as its own.
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

TEMPLATE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TEMPLATE))

import demo  # noqa: E402  # it stands beside us, not in an installed package

PARSE = """
import ast, pathlib, sys
for path in pathlib.Path("apps").rglob("*.py"):
    if not {"tests", "migrations"} & set(path.parts):
        ast.parse(path.read_text(encoding="utf-8"))
"""
LAUNCH = """
import os, sys
process = os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[1:])
_, status, used = os.wait4(process, 0)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""
COMMANDS = {"check": ["-m", "trellis", "check"], "parse": ["-c", PARSE]}
SIZES = (10, 100, 300)
ROUNDS = 7


class Cost(NamedTuple):
    """What a run took."""

    seconds: float
    kib: float


def grown(project: Path, *, apps: int) -> None:
    """Bring a project to a number of apps, by copies of bookings under other names."""
    source = project / "apps/bookings"
    have = len(list(project.glob("apps/*/OWNERS.toml")))
    for number in range(have, apps):
        name = f"bookings{number}"
        target = Path(shutil.copytree(source, project / "apps" / name))
        for file in target.rglob("*"):
            if file.suffix in (".py", ".toml", ".html"):
                text = file.read_text()
                for old in ("apps.{}", '"{}.', '"{}"', "'{}:"):  # imports, tasks, URL names
                    text = text.replace(old.format("bookings"), old.format(name))
                file.write_text(text)
    demo.run([sys.executable, "-m", "trellis", "owners"], cwd=project)


def cost(arguments: list[str], *, cwd: Path) -> Cost:
    command = [sys.executable, "-S", "-E", "-c", LAUNCH, sys.executable, *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"$ python {' '.join(arguments)}\n{done.stdout}{done.stderr}")
    return Cost(*map(float, done.stdout.splitlines()[-1].split()))


def costs(*, cwd: Path) -> dict[str, Cost]:
    """Return the medians of both commands, run in turns. The first round only warms the disk."""
    runs: dict[str, list[Cost]] = {name: [] for name in COMMANDS}
    for number in range(ROUNDS + 1):
        for name, arguments in COMMANDS.items():
            taken = cost(arguments, cwd=cwd)
            if number:
                runs[name].append(taken)
    return {
        name: Cost(*map(statistics.median, zip(*taken, strict=True)))
        for name, taken in runs.items()
    }


def main() -> int:
    checks: dict[int, Cost] = {}
    with tempfile.TemporaryDirectory() as folder:
        demo.generate(into=Path(folder))
        project = Path(folder) / demo.NAME
        print("apps      check        peak     bare parse   ratio")
        for apps in SIZES:
            grown(project, apps=apps)
            found = costs(cwd=project)
            checks[apps], parse = found["check"], found["parse"]
            ratio = checks[apps].seconds / parse.seconds
            print(
                f"{apps:4}  {checks[apps].seconds:7.3f} s  {checks[apps].kib / 1024:7.1f} MiB"
                f"  {parse.seconds:9.3f} s  {ratio:6.2f}",
                flush=True,
            )
    print("one more app               time      memory")
    few, many = (each(checks, first, last) for first, last in pairwise(SIZES))
    for (first, last), one in zip(pairwise(SIZES), (few, many), strict=True):
        print(f"from {first:3} to {last:3} apps  {one.seconds * 1000:6.2f} ms  {one.kib:6.0f} KiB")
    time, memory = many.seconds / few.seconds, many.kib / few.kib
    print(f"second by first       {time:6.2f}     {memory:6.2f}")
    return 0 if 0.8 <= time <= 1.2 and 0.8 <= memory <= 1.2 and ratio <= 3 else 1


def each(checks: dict[int, Cost], first: int, last: int) -> Cost:
    """Return what one more app between two sizes costs."""
    pairs = zip(checks[last], checks[first], strict=True)
    return Cost(*((more - less) / (last - first) for more, less in pairs))


if __name__ == "__main__":
    sys.exit(main())
