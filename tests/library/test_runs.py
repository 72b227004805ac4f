from datetime import UTC, datetime
from functools import partial

import pytest

from trellis.models import LastRun
from trellis.tasks import runs
from trellis.testing import at_once

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.django_db(transaction=True)
class TestLease:
    @pytest.mark.parametrize("ran_before", [False, True])
    def test_is_one_workers_of_many_that_want_it_at_once(self, ran_before: bool) -> None:
        if ran_before:
            LastRun.objects.create(name="tests.periodic")
        taken = []

        def want(task_id: str) -> None:
            if runs.take_lease(name="tests.periodic", task_id=task_id, at=NOW, time_limit=60):
                taken.append(task_id)

        broken = at_once(*(partial(want, str(number)) for number in range(6)))

        assert (broken, len(taken)) == ([], 1)
        assert runs.holder_of(name="tests.periodic")[0] == taken[0]


@pytest.mark.django_db
class TestEndLease:
    def test_leaves_the_lease_of_somebody_else_alone(self) -> None:
        runs.take_lease(name="tests.periodic", task_id="1", at=NOW, time_limit=60)

        runs.end_lease(name="tests.periodic", task_id="2", succeeded_at=NOW)

        assert runs.holder_of(name="tests.periodic")[0] == "1"
