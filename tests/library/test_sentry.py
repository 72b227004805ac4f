"""What goes to Sentry, without Sentry. With its SDK and a server: tests/template/test_sentry.py."""

from logging import LogRecord
from typing import Any

import pytest
import structlog

from trellis import sentry


def hint(message: Any) -> dict[str, Any]:
    return {"log_record": LogRecord("apps.accounts", 40, "", 1, message, None, None)}


class TestBeforeSend:
    def test_names_the_team_of_the_innermost_app(self) -> None:
        frames = [{"module": "apps.accounts.services"}, {"module": "django.db"}]
        event = {"exception": {"values": [{"stacktrace": {"frames": frames}}]}}

        assert sentry.before_send(event, {})["tags"]["owner"] == "platform"

    def test_leaves_events_of_no_app_alone(self) -> None:
        assert sentry.before_send({"message": "hello"}, {}) == {"message": "hello"}

    def test_names_the_request(self) -> None:
        with structlog.contextvars.bound_contextvars(request_id="abc"):
            assert sentry.before_send({}, {})["tags"] == {"request_id": "abc"}

    @pytest.mark.parametrize("name", sorted(sentry.SENT_ALREADY))
    def test_sends_an_error_once(self, name: str) -> None:
        line = {"event": name, "error": "ValueError()", "task": "bookings.remind"}

        assert sentry.before_send({}, hint(line)) is None

    def test_sends_what_only_the_main_process_of_a_worker_sees(self) -> None:
        line = {"event": "task_failed", "error": "WorkerLostError('9')", "task": "bookings.remind"}
        event = sentry.before_send({"logentry": {"message": str(line)}}, hint(line))

        assert event["logentry"] == {"message": "task_failed"}
        assert event["tags"] == {"task": "bookings.remind"}

    def test_keeps_lines_of_the_standard_library(self) -> None:
        event = {"logger": "apps.accounts", "logentry": {"message": "no %s"}}

        assert sentry.before_send(event, hint("no %s"))["logentry"] == {"message": "no %s"}


class TestBeforeBreadcrumb:
    def test_keeps_the_name_of_a_line_and_not_its_context(self) -> None:
        crumb = {"message": "{'event': 'seen', 'ip': '203.0.113.9'}"}

        found = sentry.before_breadcrumb(crumb, hint({"event": "seen", "ip": "203.0.113.9"}))

        assert found == {"message": "seen"}
