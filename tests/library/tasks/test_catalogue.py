from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import current_app
from celery.schedules import crontab

from trellis.tasks import catalogue, recording, runs

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)


def card_of(name: str, *, at: datetime = NOW) -> catalogue.Card:
    return next(card for card in catalogue.catalogue(app=current_app, at=at) if card.name == name)


@pytest.mark.django_db
class TestCatalogue:
    def test_has_an_owner_and_limits_for_every_task(self) -> None:
        for card in catalogue.catalogue(app=current_app, at=NOW):
            assert card.owner
            assert 0 < card.soft_time_limit < card.time_limit

    def test_says_when_a_task_last_succeeded_and_failed(self, task: Any) -> None:
        runs.note_success(name=task.name, at=NOW)
        for day in (3, 2):
            recording.record(
                task=task,
                task_id=str(day),
                args=(),
                kwargs={},
                error=ValueError(),
                at=NOW - timedelta(days=day),
            )

        card = card_of("tests.fragile")

        assert (card.last_success, card.last_failure) == (NOW, NOW - timedelta(days=2))
        assert (card.app, card.queue, card.schedule) == ("tests", "mail", "on demand")

    def test_says_of_our_own_tasks_what_their_decorators_say(self) -> None:
        card = card_of("trellis.delete_old_rows")

        assert (card.schedule, card.retries, card.time_limit) == (
            "every day at 03:00 UTC",
            "none",
            600,
        )


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
    def test_is_what_is_due_and_could_have_waited_and_run_since(
        self, task: Any, schedule: Any, last: datetime, late: bool
    ) -> None:
        task.schedule, task.expires, task.time_limit = schedule, 60, 60
        runs.note_success(name=task.name, at=last)

        assert card_of("tests.fragile").late == late
        names = catalogue.late_tasks(app=current_app, at=NOW, since=NOW)
        assert ("tests.fragile" in names) == late

    def test_counts_from_the_first_look_where_nothing_ever_succeeded(self, task: Any) -> None:
        task.schedule, task.expires = timedelta(minutes=1), 60
        since = NOW - timedelta(hours=1)

        assert card_of("tests.fragile").late is False
        assert "tests.fragile" in catalogue.late_tasks(app=current_app, at=NOW, since=since)


class TestScheduleInWords:
    @pytest.mark.parametrize(
        ("schedule", "words"),
        [
            (None, "on demand"),
            (timedelta(minutes=1), "every minute"),
            (timedelta(seconds=90), "every 90 seconds"),
            (timedelta(hours=2), "every 2 hours"),
            (crontab(minute=5), "every hour at :05"),
            (crontab(minute=0, hour=3), "every day at 03:00 UTC"),
            (crontab(minute=0, hour=3, day_of_week=1), "cron 0 3 * * 1 UTC"),
        ],
    )
    def test_are_those_of_a_person(self, schedule: Any, words: str) -> None:
        assert catalogue.schedule_in_words(schedule, timezone="UTC") == words


class TestRetriesInWords:
    def test_say_how_often_how_long_and_why(self, task: Any) -> None:
        assert catalogue.retries_in_words(task) == "none"

        task.max_retries, task.autoretry_for, task.retry_backoff = 5, (OSError, ValueError), 10
        assert catalogue.retries_in_words(task) == (
            "up to 5 times within about 5 minutes, on OSError or ValueError"
        )

        task.max_retries, task.autoretry_for, task.retry_backoff = 1, (), False
        assert catalogue.retries_in_words(task) == "once within about 10 seconds, on a lost worker"
