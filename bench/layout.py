"""How the layout check grows: time and memory an app, for trees of 10, 100 and 300 apps.

    uv run python bench/layout.py

Beside each, a bare `ast.parse` of the same files in a process of its own. What is asked: time and
memory an app within 20% from 10 to 300 apps, and 300 apps in at most three times the bare parse.
"""

import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TEMPLATE))

import demo  # noqa: E402  # it stands beside us, not in an installed package

PARSE = """
import ast, pathlib, sys
for path in pathlib.Path("apps").rglob("*.py"):
    if not {"tests", "migrations"} & set(path.parts):
        ast.parse(path.read_text(encoding="utf-8"))
"""
ROUNDS = 5


def grown(project: Path, *, apps: int) -> None:
    """Bring `project` to a number of apps: copies of bookings, each under a name of its own."""
    source = project / "apps/bookings"
    have = len(list(project.glob("apps/*/OWNERS.toml")))
    for number in range(have, apps):
        name = f"bookings{number}"
        target = Path(shutil.copytree(source, project / "apps" / name))
        for file in target.rglob("*"):
            if file.suffix in (".py", ".toml"):
                text = file.read_text()
                file.write_text(
                    text.replace("apps.bookings", f"apps.{name}").replace('"bookings.', f'"{name}.')
                )
    demo.run([sys.executable, "-m", "conventions", "owners"], cwd=project)


def measured(command: list[str], *, cwd: Path) -> tuple[float, int]:
    """Return the median seconds of a command and its peak memory in KiB."""
    seconds = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
        seconds.append(time.perf_counter() - begun)
        if done.returncode:
            sys.exit(f"$ {' '.join(command)}\n{done.stdout}{done.stderr}")
    return statistics.median(seconds), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        demo.generate(into=Path(folder))
        project = Path(folder) / demo.NAME
        empty, _ = measured([sys.executable, "-c", "import ast"], cwd=project)
        print("apps    check   ms an app   KiB     bare parse   ratio")
        for apps in (10, 100, 300):
            grown(project, apps=apps)
            check, memory = measured([sys.executable, "-m", "conventions"], cwd=project)
            parse, _ = measured([sys.executable, "-c", PARSE], cwd=project)
            each = 1000 * (check - empty) / apps
            print(
                f"{apps:4}  {check:6.2f} s  {each:8.2f}  {memory:8}  {parse:8.2f} s"
                f"  {check / parse:6.2f}"
            )


if __name__ == "__main__":
    main()
