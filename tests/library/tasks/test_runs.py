from datetime import UTC, datetime
from functools import partial

import pytest

from trellis import testing
from trellis.tasks import runs

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.django_db(transaction=True)
class TestNoteSuccess:
    @pytest.mark.parametrize("earlier", [False, True])
    def test_keeps_one_time_for_each_task_however_many_workers_note_it(self, earlier: bool) -> None:
        if earlier:
            runs.note_success(name="a.b", at=NOW.replace(year=2029))

        note = partial(runs.note_success, name="a.b", at=NOW)
        assert testing.run_concurrently(*[note] * 4) == []

        assert runs.last_successes() == {"a.b": NOW}
