"""The owner of each log line. (Of errors reported to Sentry: test_sentry.py.)"""

import json
from pathlib import Path

from tests.template.test_settings import manage

LOG = """
import logging, structlog
structlog.get_logger("apps.accounts.services").info("ours")
logging.getLogger("apps.accounts.services").warning("ours")
logging.getLogger("django.request").warning("not ours")
"""
SHELL = ("shell", "--no-imports", "--command")


class TestLogLine:
    def test_names_the_team_of_the_app_that_logs(self, desk_project: Path) -> None:
        printed = manage(desk_project, *SHELL, LOG, LOG_JSON="1", LOG_FILE="/dev/null").stderr

        lines = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
        assert [line.get("owner") for line in lines] == ["platform", "platform", None]
