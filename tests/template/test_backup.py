"""The runbook of backups, run as it is written: what it saves comes back in a fresh place."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import demo
from tests.template import servers
from tests.template.living import copy_of, python
from tests.template.runbooks import blocks_of

BOOKED = """
from datetime import timedelta
from django.utils import timezone
from apps.accounts.models import User
from apps.bookings import services
from apps.catalog.models import Session
free = Session.objects.filter(price_cents=0, seats_left__gt=1, starts_at__gt=timezone.now())
user = User.objects.get(email="demo@example.com")
at = timezone.now() - timedelta(hours=1)  # long enough ago for its mail to be missed
services.book_seat(session_public_id=free.first().public_id, by=user.pk, at=at)
"""
SWEEP = "bookings.resend_overdue_confirmations"
LOOK = """
from apps.bookings.models import Booking
from apps.catalog.models import Session
print(Booking.objects.count(), Session.objects.count())
"""
RUN = """
from celery import current_app
from django.utils import timezone
from trellis.tasks import catalogue, runs
for task in catalogue.tasks_of(current_app):
    runs.note_success(name=task.name, at=timezone.now())
"""


@pytest.fixture(params=["PostgreSQL", "SQLite"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str, str]]:
    """The name of a database server, and the URLs of a database and of an empty one."""
    if request.param == "SQLite":
        yield "SQLite", "", ""
        return
    servers.needs("postgres", "pg_dump")
    with servers.started(servers.postgres, tmp_path / "server") as server:
        old, fresh = (servers.create_database(server, name) for name in ("old", "fresh"))
        yield "PostgreSQL", old, fresh


def fresh_place(project: Path, to: Path, url: str) -> Path:
    """Return a project as it is after a checkout, with a database of its own."""
    copy_of(project, to)
    shutil.rmtree(to / "var")
    (to / "var").mkdir(mode=0o700)
    if url:
        with (to / ".env").open("a") as env:
            env.write(f"\nDATABASE_URL={url}\n")
    return to


def follow(project: Path, runbook: dict[str, list[str]], *titles: str, url: str) -> None:
    path = f"PATH={project / '.venv/bin'}:{os.environ['PATH']}"
    for block in (block for title in titles for block in runbook[title]):
        demo.run(["env", path, f"DATABASE_URL={url}", "sh", "-ec", block], cwd=project)


class TestRunbookOfBackups:
    def test_brings_back_rows_and_files_in_a_fresh_place(
        self, desk_project: Path, tmp_path: Path, database: tuple[str, str, str]
    ) -> None:
        name, old_url, fresh_url = database
        runbook = blocks_of((desk_project / "docs/runbooks/backup.md").read_text())
        old = fresh_place(desk_project, tmp_path / "old", old_url)
        demo.run([".venv/bin/trellis", "setup"], cwd=old)
        python(old, BOOKED)
        (old / "var/media").mkdir()
        (old / "var/media/photo.jpg").write_bytes(b"\xff\xd8 a photo")

        follow(old, runbook, f"Back up {name}", "Back up files", url=old_url)
        before = python(old, LOOK)
        python(old, BOOKED.replace("first()", "last()"))  # after the backup
        fresh = fresh_place(desk_project, tmp_path / "fresh", fresh_url)
        shutil.copytree(old / "var/backup", fresh / "var/backup")
        follow(fresh, runbook, f"Restore {name}", "Restore files", url=fresh_url)
        *prepare, ask_the_doctor = runbook["After a restore"]
        follow(fresh, {"": prepare}, "", url=fresh_url)
        with demo.running(fresh):
            with pytest.raises(demo.DemoFailed, match="FAIL schedule"):
                follow(fresh, {"": [ask_the_doctor]}, "", url=fresh_url)
            python(fresh, RUN)
            follow(fresh, {"": [ask_the_doctor]}, "", url=fresh_url)
            demo.run([".venv/bin/celery", "-A", "config", "call", SWEEP], cwd=fresh)
            demo.wait_until(
                lambda: len([*fresh.glob("var/mail/*.log")]) == 1,
                seconds=60,
                what="the mail of the booking, whose message was not saved",
            )

        assert before.split()[0] == "1"
        assert python(fresh, LOOK) == before
        assert (fresh / "var/media/photo.jpg").read_bytes() == b"\xff\xd8 a photo"

    def test_is_followed_whole(self, desk_project: Path) -> None:
        runbook = blocks_of((desk_project / "docs/runbooks/backup.md").read_text())

        assert {title: len(blocks) for title, blocks in runbook.items()} == {
            "Back up PostgreSQL": 1,
            "Back up SQLite": 1,
            "Back up files": 2,
            "Restore PostgreSQL": 1,
            "Restore SQLite": 1,
            "Restore files": 1,
            "After a restore": 2,
        }
