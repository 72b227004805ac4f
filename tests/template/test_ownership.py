"""The owner of what leaves the process: log lines, and errors reported to Sentry."""

import json
from pathlib import Path

from tests.template.test_settings import manage

# The error is raised in an app's code, and what would be sent is printed.
SENTRY = """
import json, logging, sentry_sdk, sys
from django.test import Client, override_settings
from django.urls import path
from apps.accounts import services

SECRET = "hunter" + "2"  # in two parts, because Sentry is sent this script as well

def show(envelope):
    event = envelope.get_event()
    owner = event.get("tags", {}).get("owner")
    print(json.dumps({"owner": owner, "secret": SECRET in json.dumps(event)}))

sentry_sdk.get_client().transport.capture_envelope = show
services.User = None
try:
    services.register_user(email="a@example.com", name="A", password=SECRET)
except AttributeError:
    sentry_sdk.capture_exception()
logging.getLogger("apps.accounts.services").error("without an error")
urls = (path("boom", services.register_user),)
with override_settings(ROOT_URLCONF=urls, ALLOWED_HOSTS=["*"]):
    answer = Client(raise_request_exception=False).post("/boom", {"password1": SECRET})
sys.exit(answer.status_code != 500)
"""
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


class TestSentryEvent:
    def test_names_the_team_and_holds_nothing_that_was_typed(self, desk_project: Path) -> None:
        # Not DEBUG: its error page formats the variables of every frame, which takes seconds.
        environment = {"SENTRY_DSN": "https://key@localhost/1", "DEBUG": "false"}
        done = manage(desk_project, *SHELL, SENTRY, **environment)

        assert done.returncode == 0, done.stderr
        sent = [json.loads(line) for line in done.stdout.splitlines()]
        assert [event["owner"] for event in sent[:2]] == ["platform"] * 2
        assert len(sent) > 2  # of the request, too
        assert not any(event["secret"] for event in sent)
