from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from trellis import testing
from trellis.models import FailedTask
from trellis.tasks import failures, recording, scheduled


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


@pytest.mark.django_db(transaction=True)
class TestDeliveredTwice:
    def test_republish_unpublished(self, task: Any, eager_tasks: None) -> None:
        ran: list[str] = []
        task.run = lambda *, what: ran.append(what)
        fail(task, published=False)

        testing.assert_harmless_twice(
            scheduled.republish_unpublished, effects=lambda: ran, once=[""]
        )

    def test_delete_old_failures(self, task: Any) -> None:
        fail(task, at=timezone.now() - timedelta(days=31))
        FailedTask.objects.update(state=FailedTask.State.DISCARDED)

        testing.assert_harmless_twice(
            scheduled.delete_old_failures, effects=FailedTask.objects.count, once=0
        )
