from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import current_app
from celery.schedules import crontab

from trellis.tasks import catalogue, runs

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)


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

        names = catalogue.late_tasks(app=current_app, at=NOW, since=NOW)
        assert ("tests.fragile" in names) == late

    def test_counts_from_a_given_time_if_a_task_never_succeeded(self, task: Any) -> None:
        task.schedule, task.expires = timedelta(minutes=1), 60
        since = NOW - timedelta(hours=1)

        assert "tests.fragile" not in catalogue.late_tasks(app=current_app, at=NOW, since=NOW)
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
