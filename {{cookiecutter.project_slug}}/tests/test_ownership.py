"""Whose it is, on what leaves the process: a log line, a failed task, an error in Sentry."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from celery import current_app, shared_task
from trellis import ownership
from trellis.models import FailedTask

from tests.test_settings import manage

OWNER = ownership.owner_of(app="accounts").team
# The error is raised in the app's code, and what would be sent is printed.
SENTRY = """
import json, logging, sentry_sdk, sys
from django.test import Client, override_settings
from django.urls import path
from apps.accounts import services

SECRET = "hunter" + "2"  # in two, for Sentry is sent this script as well

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
urlpatterns = [path("boom", services.register_user)]
with override_settings(ROOT_URLCONF=sys.modules[__name__], ALLOWED_HOSTS=["*"]):
    Client(raise_request_exception=False).post("/boom", {"password1": SECRET})
"""
LOG = """
import logging, structlog
structlog.get_logger("apps.accounts.services").info("ours")
logging.getLogger("apps.accounts.services").warning("ours")
logging.getLogger("django.request").warning("not ours")
"""


@pytest.fixture
def task() -> Iterator[Any]:
    def fragile() -> None:
        raise ValueError("broken")

    fragile.__module__ = "apps.accounts.tasks"
    shared_task(name="tests.owned", max_retries=0)(fragile)
    yield current_app.tasks["tests.owned"]
    del current_app.tasks["tests.owned"]


class TestOwner:
    def test_is_on_each_log_line_of_an_app(self) -> None:
        said = manage("shell", "--no-imports", "--command", LOG, LOG_JSON="1").stderr

        lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        assert [line.get("owner") for line in lines] == [OWNER, OWNER, None]

    def test_is_on_the_row_of_a_task_that_failed(
        self, db: None, task: Any, eager_tasks: None
    ) -> None:
        task.delay()

        assert FailedTask.objects.get().owner == OWNER

    def test_is_on_what_sentry_gets_of_an_error_or_a_log_line_without_what_was_typed(self) -> None:
        answer = manage(
            *("shell", "--no-imports", "--command", SENTRY),
            SENTRY_DSN="https://key@localhost/1",
        )

        sent = [json.loads(line) for line in answer.stdout.splitlines()]
        assert [event["owner"] for event in sent[:2]] == [OWNER] * 2, answer.stderr
        assert len(sent) > 2
        assert not any(event["secret"] for event in sent)
