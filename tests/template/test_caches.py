"""The runbook of the caches in a project. (The caches themselves: tests/library/test_cache*.py.)"""

import re
from pathlib import Path

import demo


class TestRunbook:
    def test_has_commands_that_run(self, desk_project: Path) -> None:
        runbook = (desk_project / "docs/runbooks/caches.md").read_text()
        listed, invalidated = (
            demo.run(["sh", "-c", command], cwd=desk_project)
            for command in re.findall(r"^```sh\n(.*?)^```", runbook, re.M | re.S)
        )

        assert "catalog.session  (owner curators, ttl 300 s)" in listed
        assert "could not be invalidated" not in invalidated
