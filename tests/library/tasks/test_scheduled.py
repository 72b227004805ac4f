from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.library.conftest import fail
from trellis.models import Claim, FailedTask
from trellis.tasks import claims, scheduled
from trellis.testing import assert_harmless_twice


@pytest.mark.django_db(transaction=True)
class TestDeliveredTwice:
    def test_republish_unpublished(self, task: Any, eager_tasks: None) -> None:
        ran: list[str] = []
        task.run = lambda *, what: ran.append(what)
        fail(task, kwargs={"what": ""}, published=False)

        assert_harmless_twice(scheduled.republish_unpublished, effects=lambda: ran, once=[""])

    def test_delete_old_rows(self, task: Any) -> None:
        now = timezone.now()
        fail(task, at=now - timedelta(days=31))
        FailedTask.objects.update(state=FailedTask.State.DISCARDED)
        claims.take(name="tests.mail", key="7", at=now - timedelta(days=91))

        assert_harmless_twice(
            scheduled.delete_old_rows,
            effects=lambda: [
                FailedTask.objects.count(),
                Claim.objects.filter(name="tests.mail").count(),
            ],
            once=[0, 0],
        )
