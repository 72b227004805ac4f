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

    def test_sends_no_query_no_referrer_and_no_link_that_works_like_a_password(self) -> None:
        token = "d0abcd-0123456789abcdef0123456789abcdef"
        url = f"https://{'long.' * 9}example.com/accounts/password-reset/MQ/{token}/"
        headers = {"Host": "example.com", "Referer": url}
        request = {"url": f"{url}?a=hidden", "query_string": "a=hidden", "headers": headers}

        found = sentry.before_send({"request": request}, {})["request"]

        assert found == {"url": url.replace(token, "…"), "headers": {"Host": "example.com"}}

    def test_hides_the_passwords_of_urls_in_errors(self) -> None:
        texts = ["no redis://:hid@den@host/0, no postgres://u:hidden@host/x", None]
        event = {"exception": {"values": [{"value": text} for text in texts]}}

        first, second = sentry.before_send(event, {})["exception"]["values"]

        assert first["value"] == "no redis://…@host/0, no postgres://…@host/x"
        assert second["value"] == ""

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
