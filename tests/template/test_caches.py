"""The runbook of the caches in a project. (The caches themselves: tests/library/test_cache*.py.)"""

from pathlib import Path

import demo
from tests.template.test_readme import shell_lines


class TestRunbook:
    def test_has_commands_that_run(self, desk_project: Path) -> None:
        listed, invalidated = (
            demo.run(["sh", "-c", command], cwd=desk_project)
            for command in shell_lines((desk_project / "docs/runbooks/caches.md").read_text())
        )

        assert "catalog.session  (owner curators, ttl 300 s)" in listed
        assert "Invalidated catalog.session public_id=" in invalidated
