"""What a project sends to Sentry: errors with their owner, monitors of beat, nothing personal.

Sentry is a server on loopback that keeps what it gets.
"""

import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import demo
from tests.template.living import copy_of, python
from tests.template.test_settings import manage

# Errors in an app's code: one that is caught, one that is logged, one of a request.
ERRORS = """
import logging, sentry_sdk, structlog, sys
from django.test import Client, override_settings
from django.urls import path
from apps.accounts import services

SECRET = "hunter" + "2"  # in two parts, as others: Sentry is sent this script as well

services.User = None
try:
    services.register_user(email="ada@" + "example.com", name="Ada", password=SECRET)
except AttributeError:
    sentry_sdk.capture_exception()
logging.getLogger("apps.accounts.services").error("without an error")

def fail(request):
    structlog.get_logger("apps.accounts").info("seen")
    services.register_user(email=request.POST["email"], name="", password=request.POST["password1"])

urls = (path("boom", fail),)
with override_settings(ROOT_URLCONF=urls, ALLOWED_HOSTS=["*"]):
    client = Client(raise_request_exception=False, REMOTE_ADDR="203.0.113." + "9")
    client.cookies["sessionid"] = SECRET
    answer = client.post("/boom", {"password1": SECRET, "email": "ada@" + "example.com"})
sentry_sdk.flush()
sys.exit(answer.status_code != 500)
"""
PERSONAL = ("hunter2", "ada@example.com", "203.0.113.9")
# As beat does each minute.
BEAT = """
from celery.beat import Scheduler
from config import celery_app as app
import sentry_sdk
app.finalize()
scheduler = Scheduler(app=app)
scheduler.apply_entry(scheduler.schedule["trellis.republish_unpublished"])
sentry_sdk.flush()
"""
SHELL = ("shell", "--no-imports", "--command")


class Sentry(ThreadingHTTPServer):
    """As much of Sentry as its SDK needs. `items` holds what it got, with the kind of each."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Envelope)
        self.items: list[tuple[str, dict[str, Any]]] = []

    @property
    def dsn(self) -> str:
        return f"http://key@127.0.0.1:{self.server_address[1]}/1"

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [item for name, item in self.items if name == kind]


class _Envelope(BaseHTTPRequestHandler):
    server: Sentry

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        _header, *lines = body.decode().splitlines()
        for about, item in zip(lines[::2], lines[1::2], strict=True):
            self.server.items.append((json.loads(about)["type"], json.loads(item)))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def sentry() -> Iterator[Sentry]:
    with Sentry() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


class TestErrors:
    def test_name_the_team_and_hold_nothing_personal(
        self, desk_project: Path, sentry: Sentry
    ) -> None:
        # Not DEBUG: its error page formats the variables of every frame, which takes seconds.
        done = manage(desk_project, *SHELL, ERRORS, SENTRY_DSN=sentry.dsn, DEBUG="false")

        assert done.returncode == 0, done.stderr
        events = sentry.of_kind("event")
        assert len(events) == 3
        assert {event["tags"]["owner"] for event in events} == {"platform"}
        assert sum("request_id" in event["tags"] for event in events) == 1
        assert {event["environment"] for event in events} == {"development"}
        sent = json.dumps(sentry.items)
        assert "AttributeError" in sent
        assert [word for word in PERSONAL if word in sent] == []


class TestMonitors:
    def test_check_in_when_a_scheduled_task_is_sent_and_when_it_is_done(
        self, desk_project: Path, tmp_path: Path, sentry: Sentry
    ) -> None:
        project = copy_of(desk_project, tmp_path / "desk")
        with (project / ".env").open("a") as env:
            env.write(f"\nSENTRY_DSN={sentry.dsn}\n")

        def check_ins() -> list[dict[str, Any]]:
            name = "trellis.republish_unpublished"  # beat sends others, too
            return [one for one in sentry.of_kind("check_in") if one["monitor_slug"] == name]

        with demo.running(project):
            python(project, BEAT)
            demo.wait_until(lambda: len(check_ins()) >= 2, seconds=30, what="two check-ins")

        begun, done = check_ins()[:2]
        assert (begun["status"], done["status"]) == ("in_progress", "ok")
        assert begun["check_in_id"] == done["check_in_id"]
        assert begun["monitor_config"]["schedule"] == {
            "type": "interval",
            "value": 1,
            "unit": "minute",
        }
