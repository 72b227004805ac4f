import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.contrib.sessions.models import Session
from pytest_django import DjangoAssertNumQueries, Settings
from structlog.testing import capture_logs

from tests.library.conftest import NOW, fail
from trellis.models import CacheUse, Claim, FailedTask, Limit
from trellis.tasks import retention


def clean_up() -> dict[str, int]:
    """Clean up, and return how many of each kind were deleted, if any were."""
    with capture_logs() as lines:
        retention.clean_up(at=NOW)
    (line,) = lines
    return {name: count for name, count in line.items() if isinstance(count, int) and count}


@pytest.mark.django_db
class TestCleanUp:
    def test_finds_nothing_in_an_empty_project(self) -> None:
        assert clean_up() == {}

    def test_deletes_sessions_that_are_over(self) -> None:
        for key, days in (("over", -1), ("going on", 1)):
            Session.objects.create(session_key=key, expire_date=NOW + timedelta(days=days))

        assert clean_up() == {"sessions": 1}
        assert Session.objects.get().pk == "going on"

    def test_deletes_limits_that_are_over(self) -> None:
        for key, days in (("over", -1), ("going on", 1)):
            Limit.objects.create(key=key, ends_at=NOW + timedelta(days=days))

        assert clean_up() == {"limits": 1}
        assert Limit.objects.get().pk == "going on"

    def test_keeps_failures_that_are_open_or_young(self, task: Any) -> None:
        for number, (state, days) in enumerate(
            [("open", 400), ("replayed", 29), ("replayed", 31), ("discarded", 31)]
        ):
            row = fail(task, task_id=str(number), at=NOW - timedelta(days=days))
            FailedTask.objects.filter(pk=row.pk).update(state=state)

        assert clean_up() == {"failures": 2}
        kept = FailedTask.objects.order_by("task_id").values_list("task_id", flat=True)
        assert list(kept) == ["0", "1"]

    def test_keeps_claims_that_are_young(self) -> None:
        for name, ended, done in (
            ("done and old", 91, True),
            ("died and old", 91, False),
            ("done", 89, True),
            ("died", 89, False),
        ):
            at = NOW - timedelta(days=ended)
            Claim.objects.create(name=name, expires_at=at, done_at=at if done else None)

        assert clean_up() == {"claims": 2}
        assert set(Claim.objects.values_list("name", flat=True)) == {"done", "died"}

    def test_keeps_the_figures_of_a_year(self) -> None:
        for days in (364, 366):
            CacheUse.objects.create(name="cache", day=(NOW - timedelta(days=days)).date())

        assert clean_up() == {"cache_figures": 1}
        assert CacheUse.objects.get().day > (NOW - timedelta(days=365)).date()

    def test_keeps_things_as_long_as_the_settings_tell(self, settings: Settings, task: Any) -> None:
        settings.RETENTION_DAYS = settings.RETENTION_DAYS | {"failures": 400}
        fail(task, at=NOW - timedelta(days=399))
        FailedTask.objects.update(state="discarded")

        assert clean_up() == {}

    def test_deletes_in_batches(
        self, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        monkeypatch.setattr(retention, "BATCH", 2)
        for key in "abcde":
            Limit.objects.create(key=key, ends_at=NOW - timedelta(days=1))

        with django_assert_num_queries(5 + 2 * 3):
            assert clean_up() == {"limits": 5}

        assert clean_up() == {}


@pytest.mark.django_db
class TestFiles:
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
        mails = {"BACKEND": "…", "OPTIONS": {"file_path": tmp_path / "mail"}}
        settings.MAILERS = {"default": mails}
        settings.LOG_FILE = str(tmp_path / "log" / "app.jsonl")
        options = {"folder": str(tmp_path)}
        monkeypatch.setitem(current_app.conf.changes, "broker_transport_options", options)
        return tmp_path

    def test_deletes_old_mails_logs_and_unreadable_messages(self, folder: Path) -> None:
        old = {"mail/1.log", "log/app.old.jsonl", "broken/1.msg"}
        kept = {"mail/2.log", "log/app.jsonl", "broken/2.msg", "mail/notes.txt"}
        for name in old | kept:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).touch()
            days = 29 if name in ("mail/2.log", "broken/2.msg") else 31
            at = (NOW - timedelta(days=days)).timestamp()
            os.utime(folder / name, (at, at))

        assert clean_up() == {"files": len(old)}
        left = {str(path.relative_to(folder)) for path in folder.rglob("*.*")}
        assert left == kept

    def test_needs_no_folder(self) -> None:
        assert clean_up() == {}
