"""What a list costs through the API: see bench/reads.py, which also has Django REST framework."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class TestListOfAHundredRows:
    def test_takes_less_cpu_time_than_plain_django_over_rows(self, tmp_path: Path) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "bench.reads"],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": f"sqlite:///{tmp_path}/reads.sqlite3"},
            stdout=subprocess.PIPE,
            text=True,
            timeout=120,
            check=True,
        )
        ratios = json.loads(done.stdout)["ratios"]

        assert ratios["Trellis"] < 1.0, ratios
        assert ratios["Trellis"] < ratios["django-ninja as it comes"], ratios
