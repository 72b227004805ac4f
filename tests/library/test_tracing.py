from typing import Any

import pytest
from celery.app.task import Context
from structlog.contextvars import bind_contextvars, get_contextvars

from trellis import tracing


class TestTracing:
    def test_of_a_worker_begins_with_what_was_sent_along(self) -> None:
        request = Context({"id": "1", "__django_structlog__": {"request_id": "of-the-request"}})

        bind_contextvars(left="by the task before")

        tracing.begin(request)

        assert get_contextvars() == {"request_id": "of-the-request", "task_id": "1"}
        assert tracing.request_id_of(request) == "of-the-request"

    def test_begins_before_a_task_starts(self, task: Any) -> None:
        task.push_request(id="1", __django_structlog__={"request_id": "of-the-request"})
        task.before_start("1", (), {})
        task.pop_request()

        assert tracing.request_id() == "of-the-request"

    def test_of_a_scheduled_run_goes_by_its_own_id(self) -> None:
        tracing.begin(Context({"id": "1"}))

        assert tracing.request_id() == "1"

    @pytest.mark.parametrize("sent", [None, "text", ["list"], 7])
    def test_takes_nothing_for_sent_along_that_is_no_dict(self, sent: object) -> None:
        request = Context({"id": "1", "__django_structlog__": sent})

        tracing.begin(request)

        assert tracing.request_id() == "1"
        assert tracing.request_id_of(request) == ""
