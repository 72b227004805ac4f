from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.library.conftest import fail
from trellis.models import FailedTask
from trellis.tasks import scheduled
from trellis.testing import assert_harmless_twice


@pytest.mark.django_db(transaction=True)
class TestDeliveredTwice:
    def test_republish_unpublished(self, task: Any, eager_tasks: None) -> None:
        ran: list[str] = []
        task.run = lambda *, what: ran.append(what)
        fail(task, kwargs={"what": ""}, published=False)

        assert_harmless_twice(scheduled.republish_unpublished, effects=lambda: ran, once=[""])

    def test_clean_up(self, task: Any) -> None:
        fail(task, at=timezone.now() - timedelta(days=31))
        FailedTask.objects.update(state=FailedTask.State.DISCARDED)

        assert_harmless_twice(
            scheduled.clean_up, effects=lambda: [FailedTask.objects.count()], once=[0]
        )
