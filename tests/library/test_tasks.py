from datetime import timedelta
from typing import Any

import pytest
from celery import current_app, shared_task
from django.utils import timezone

from trellis.tasks import scheduled
from trellis.models import FailedTask
from trellis.tasks import failures, recording
from trellis.testing import HarmlessTwice


class TestTasks:
    def test_call_what_they_are_named_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        called: list[str] = []
        for name in ("republish_unpublished", "delete_old_failures"):
            monkeypatch.setattr(failures, name, lambda name=name, **_: called.append(name))

        scheduled.republish_unpublished()
        scheduled.delete_old_failures()

        assert called == ["republish_unpublished", "delete_old_failures"]


def fail(task: Any, **details: Any) -> FailedTask:
    given: dict[str, Any] = {"at": timezone.now(), "args": (), "kwargs": {"what": ""}}
    recording.record(task=task, task_id="1", error=ValueError(), **given | details)
    return FailedTask.objects.get()


class TestDeliveredTwice:
    def test_republish_unpublished(
        self, assert_harmless_twice: HarmlessTwice, task: Any, eager_tasks: None
    ) -> None:
        ran: list[str] = []
        task.run = lambda *, what: ran.append(what)
        fail(task, published=False)

        assert_harmless_twice(scheduled.republish_unpublished, effects=lambda: ran, once=[""])

    def test_delete_old_failures(self, assert_harmless_twice: HarmlessTwice, task: Any) -> None:
        fail(task, at=timezone.now() - timedelta(days=31))
        FailedTask.objects.update(state=FailedTask.State.DISCARDED)

        assert_harmless_twice(scheduled.delete_old_failures, effects=FailedTask.objects.count, once=0)

    def test_is_noticed_where_it_does_harm(self, assert_harmless_twice: HarmlessTwice) -> None:
        sent: list[int] = []

        @shared_task(name="tests.careless", max_retries=0)
        def careless(*, user_id: int) -> None:
            sent.append(user_id)

        with pytest.raises(AssertionError, match="changed more than once"):
            assert_harmless_twice(
                current_app.tasks["tests.careless"], effects=lambda: sent, once=[7], user_id=7
            )
        del current_app.tasks["tests.careless"]
