"""How long generation takes, beside what cookiecutter itself needs to render two files.

    uv run python bench/generation.py [rounds]

Both are timed in turn, as a user would run them, offline; the medians and their ratio are printed.
Bytecode is cached, as it is after the first run: the harder case, for cookiecutter then starts in
half the time. Projects are made in memory where that can be had: ext4 goes round inodes that were
deleted within the last minute, so each run would pay for what the one before it cleaned up (up to
0.3 s for our 280 files; nobody who generates once does). What the rest is spent on:
docs/adr/0004-hooks-are-offline-and-leave-nothing.md.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parents[1]
MEMORY = Path("/dev", "shm")
KEPT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def main(*, rounds: int) -> None:
    in_memory = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=in_memory) as scratch:
        two_files = two_file_template(at=Path(scratch, "two-files"))
        contenders = {
            "cookiecutter, two files": [str(two_files)],
            "Trellis, starter=example": [str(TEMPLATE), "starter=example"],
            "Trellis, starter=empty": [str(TEMPLATE), "starter=empty"],
        }
        seconds: dict[str, list[float]] = {name: [] for name in contenders}
        for number in range(rounds + 1):  # the first round only warms the disk
            for name, arguments in contenders.items():
                taken = generate(arguments=arguments, home=Path(scratch), number=number)
                if number:
                    seconds[name].append(taken)
    base = statistics.median(next(iter(seconds.values())))
    for name, measured in seconds.items():
        median = statistics.median(measured)
        spread = f"{min(measured):.3f} to {max(measured):.3f}"
        print(f"{name:26} {median:.3f} s   ({spread}, n={rounds})   ratio {median / base:.2f}")


def generate(*, arguments: list[str], home: Path, number: int) -> float:
    target = home / "generated" / f"{abs(hash(tuple(arguments)))}-{number}"
    target.mkdir(parents=True)
    command = [sys.executable, "-m", "cookiecutter", "--no-input", "-o", str(target), *arguments]
    begun = time.perf_counter()
    subprocess.run(
        command,
        check=True,
        stdout=subprocess.DEVNULL,
        env={**KEPT, "HOME": str(home), "USERPROFILE": str(home)},
    )
    return time.perf_counter() - begun


def two_file_template(*, at: Path) -> Path:
    folder = at / ("{" + "{cookiecutter.slug}" + "}")
    folder.mkdir(parents=True)
    (at / "cookiecutter.json").write_text(json.dumps({"slug": "small"}), encoding="utf-8")
    (folder / "README.md").write_text("# {" + "{ cookiecutter.slug }" + "}\n", encoding="utf-8")
    (folder / "main.py").write_text("print('hello')\n", encoding="utf-8")
    return at


if __name__ == "__main__":
    main(rounds=int(sys.argv[1]) if len(sys.argv) > 1 else 10)
