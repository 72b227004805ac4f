"""docs/performance.md of a project, followed to the letter."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import demo
from tests.test_readme import blocks


@contextmanager
def typed(command: str, *, project: Path, path: str) -> Iterator[demo.Visitor]:
    """Type a command that runs `make dev`, yield a visitor once it answers, and press Ctrl-C."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = demo.clean_environment() | {"PORT": str(port), "PATH": path}
    process = subprocess.Popen(
        ["sh", "-c", command],
        cwd=project,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        demo.wait_until(
            lambda: demo.answers(f"{address}/health/ready"), seconds=90, what="the web server"
        )
        yield demo.Visitor(address)
    finally:
        demo.stop(process)


class TestGuide:
    def test_leads_from_a_log_to_the_views_that_cost_most(self, desk_project: Path) -> None:
        commands = blocks((desk_project / "docs/performance.md").read_text())
        plain, toolbar = (one for one in commands if "make dev" in one)
        path = f"{desk_project / '.venv/bin'}:{os.environ['PATH']}"

        with typed(plain, project=desk_project, path=path) as visitor:
            assert "Later sessions" not in visitor.request("/sessions/")[1]
            assert visitor.request("/api/sessions")[0] == 200
            time.sleep(0.5)  # its line is on its way to the file
        with typed(toolbar, project=desk_project, path=path) as visitor:
            page = visitor.request("/sessions/")[1]
        answers = {
            command: demo.run(["env", f"PATH={path}", "sh", "-c", command], cwd=desk_project)
            for command in commands
            if command not in (plain, toolbar)
        }

        assert 'id="djDebug"' in page
        slow = answers.pop("uv run python manage.py slow")
        assert "GET /sessions/ " in slow
        assert "GET /api/sessions " in slow
        (bench,) = answers.values()
        assert "last_by_offset" in bench
