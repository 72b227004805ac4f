from typing import Any

import pytest
from celery.app.task import Context
from structlog.contextvars import bind_contextvars, get_contextvars

from trellis import tracing


class TestBegin:
    def test_binds_what_was_sent_along_and_nothing_of_the_task_before(self) -> None:
        request = Context({"id": "1", "__django_structlog__": {"request_id": "of-the-request"}})
        bind_contextvars(left="by the task before")

        tracing.begin(request)

        assert get_contextvars() == {"request_id": "of-the-request", "task_id": "1"}
        assert tracing.request_id_of(request) == "of-the-request"

    def test_happens_before_a_task_starts(self, task: Any) -> None:
        task.push_request(id="1", __django_structlog__={"request_id": "of-the-request"})
        task.before_start("1", (), {})
        task.pop_request()

        assert tracing.request_id() == "of-the-request"

    @pytest.mark.parametrize("sent", [None, "text", ["list"], 7])
    def test_uses_the_task_id_if_no_context_was_sent_along(self, sent: object) -> None:
        request = Context({"id": "1", "__django_structlog__": sent})

        tracing.begin(request)

        assert tracing.request_id() == "1"
        assert tracing.request_id_of(request) == ""
