from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import current_app
from celery.schedules import crontab

from tests.library.conftest import fail
from trellis.tasks import catalogue, runs

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)


def entry_of(name: str) -> catalogue.Entry:
    entries = catalogue.entries(app=current_app, at=NOW)
    return next(entry for entry in entries if entry.name == name)


@pytest.mark.django_db
class TestEntries:
    def test_have_an_owner_and_a_limit(self) -> None:
        for entry in catalogue.entries(app=current_app, at=NOW):
            assert entry.owner
            assert entry.time_limit > 0

    def test_have_the_last_success_and_the_last_failure(self, task: Any) -> None:
        for day in (3, 2):
            runs.note_success(name=task.name, at=NOW - timedelta(days=day, hours=1))
            fail(task, task_id=str(day), at=NOW - timedelta(days=day))

        entry = entry_of("tests.fragile")

        assert entry.last_success == NOW - timedelta(days=2, hours=1)
        assert entry.last_failure == NOW - timedelta(days=2)
        assert (entry.queue, entry.schedule) == ("mail", "on demand")

    def test_describe_the_librarys_own_tasks(self) -> None:
        entry = entry_of("trellis.clean_up")

        assert (entry.schedule, entry.retries) == ("cron 0 3 * * * UTC", "none")
        assert entry.time_limit == 600


@pytest.mark.django_db
class TestLate:
    @pytest.mark.parametrize(
        ("schedule", "last", "late"),
        [
            (timedelta(minutes=1), NOW - timedelta(seconds=170), False),
            (timedelta(minutes=1), NOW - timedelta(seconds=190), True),
            (crontab(minute=0, hour=3), NOW - timedelta(hours=9), False),
            (crontab(minute=0, hour=3), NOW - timedelta(hours=10), True),
        ],
    )
    def test_means_due_and_expired_and_over_its_limit_since(
        self, task: Any, schedule: Any, last: datetime, late: bool
    ) -> None:
        task.schedule, task.expires, task.time_limit = schedule, 60, 60
        runs.note_success(name=task.name, at=last)

        assert entry_of("tests.fragile").late == late
        names = catalogue.late_tasks(app=current_app, at=NOW, since=NOW)
        assert ("tests.fragile" in names) == late

    def test_counts_from_a_given_time_if_a_task_never_succeeded(self, task: Any) -> None:
        task.schedule, task.expires = timedelta(minutes=1), 60
        since = NOW - timedelta(hours=1)

        assert entry_of("tests.fragile").late is False
        assert "tests.fragile" in catalogue.late_tasks(app=current_app, at=NOW, since=since)


class TestScheduleInWords:
    @pytest.mark.parametrize(
        ("schedule", "words"),
        [
            (None, "on demand"),
            (timedelta(minutes=1), "every minute"),
            (timedelta(seconds=90), "every 90 seconds"),
            (timedelta(hours=2), "every 2 hours"),
            (crontab(minute=5), "cron 5 * * * * UTC"),
            (crontab(minute=0, hour=3, day_of_week=1), "cron 0 3 * * 1 UTC"),
        ],
    )
    def test_is_what_a_person_would_say(self, schedule: Any, words: str) -> None:
        assert catalogue.schedule_in_words(schedule, timezone="UTC") == words


class TestRetriesInWords:
    def test_says_how_often_and_after_which_errors(self, task: Any) -> None:
        assert catalogue.retries_in_words(task) == "none"

        task.max_retries, task.autoretry_for = 5, (OSError, ValueError)
        assert catalogue.retries_in_words(task) == "5, on OSError or ValueError"

        task.max_retries, task.autoretry_for = 1, ()
        assert catalogue.retries_in_words(task) == "1, on a lost worker"
