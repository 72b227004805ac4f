"""What a list costs: at any depth, on any number of rows, and beside other ways to write it.

    TRELLIS_POSTGRES_URL=postgres://... uv run python bench/reads.py [rows]

Generates a project, and in it asks the example's list of sessions, under production's settings, on
a database of its own that is dropped again. What is asked: with 1,000,000 rows the deepest page
costs at most 1.5 times the first, and the endpoint's p95 at most 1.5 times that of 1,000 rows; its
CPU time is at most 1.3 times that of plain Django with orjson, and 0.55 times that of Django REST
framework. Everything that is compared is timed in turn, in one run.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TEMPLATE))

import demo  # noqa: E402  # it stands beside us, not in an installed package


def main() -> None:
    url = os.environ.get("TRELLIS_POSTGRES_URL")
    if not url:
        sys.exit("bench/reads.py: set TRELLIS_POSTGRES_URL to a server it may make a database on.")
    rows = sys.argv[1] if len(sys.argv) > 1 else "1000000"
    uv = os.environ.get("UV", "uv")
    with tempfile.TemporaryDirectory() as folder:
        demo.generate(into=Path(folder))
        project = Path(folder) / demo.NAME
        within = TEMPLATE / "bench" / "reads_within.py"
        command = [uv, "run", "--quiet", "--with", "djangorestframework>=3.16,<4"]
        done = subprocess.run(
            [*command, "python", "-W", "ignore", str(within), rows],
            cwd=project,
            env=demo.clean_environment() | production(url),
            check=False,
        )
    sys.exit(done.returncode)


def production(url: str) -> dict[str, str]:
    return {
        "DJANGO_ENV": "production",
        "SECRET_KEY": "a-long-and-random-looking-value-0123456789-for-this-bench",
        "ALLOWED_HOSTS": "testserver",
        "DATABASE_URL": url,
        "CACHE_URL": "dummycache://",
        "CELERY_BROKER_URL": "memory://",
        "EMAIL_URL": "consolemail://",
        "DEFAULT_FROM_EMAIL": "hello@example.com",
        "LOG_LEVEL": "ERROR",
        "PYTHONPATH": ".",
    }


if __name__ == "__main__":
    main()
