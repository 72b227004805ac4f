"""docs/performance.md of a project: its commands run, and its list is as cheap as we say."""

import json
import os
import subprocess
import time
from pathlib import Path

import demo
from tests.template.generating import ROOT
from tests.template.living import python
from tests.template.test_readme import shell_lines

TOOLBAR = """
from django.test import Client
page = Client(headers={"host": "localhost"}).get("/sessions/").content.decode()
print("toolbar" if 'id="djDebug"' in page else "no toolbar")
"""


class TestGuide:
    def test_lists_the_views_that_were_used(self, desk_project: Path, desk: str) -> None:
        commands = shell_lines((desk_project / "docs/performance.md").read_text())
        assert commands == ["make dev", "uv run python manage.py slow", "TOOLBAR=1 make dev"]
        visitor = demo.Visitor(desk)
        assert visitor.request("/sessions/")[0] == 200
        assert visitor.request("/api/sessions")[0] == 200
        time.sleep(0.5)  # until the log has the last line

        views = demo.run([".venv/bin/python", "manage.py", "slow"], cwd=desk_project)

        assert "GET /sessions/ " in views
        assert "GET /api/sessions " in views

    def test_shows_the_toolbar_when_asked(self, desk_project: Path) -> None:
        assert python(desk_project, TOOLBAR).endswith("no toolbar\n")
        assert python(desk_project, TOOLBAR, TOOLBAR="1").endswith("\ntoolbar\n")


class TestListOfSessions:
    def test_takes_less_cpu_time_than_plain_django_over_rows(self, desk_project: Path) -> None:
        done = subprocess.run(
            [desk_project / ".venv/bin/python", ROOT / "bench/reads.py", "15"],
            cwd=desk_project,
            env={name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            stdout=subprocess.PIPE,
            text=True,
            timeout=120,
            check=True,
        )

        assert json.loads(done.stdout)["this project"] < 1.0, done.stdout
