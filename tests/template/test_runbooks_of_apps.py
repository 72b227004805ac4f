"""Every command in the runbooks of the apps and of caches is run, as it is written.

Each test first makes the situation that the runbook describes, in a project that runs.
"""

import json
import re
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import demo
from tests.template.living import log_lines, python
from tests.template.runbooks import Runbook, sql, wait, wait_for_run

EXAMPLE_ID = "2f1b6a52-6b0e-4d0c-8f0a-3f5d8f6c1e77"
SOMEBODY = "somebody@example.com"
REGISTER = """
from apps.accounts import services
services.register_user(email="reader@example.com", name="Rita Reader", password="demo")
"""


@pytest.fixture(scope="module")
def reader(desk_project: Path, desk: str) -> demo.Visitor:
    """Somebody who books seats and looks at pages."""
    python(desk_project, REGISTER)
    visitor = demo.Visitor(desk)
    visitor.sign_in("reader@example.com")
    return visitor


def sessions_of(visitor: demo.Visitor, title: str) -> list[str]:
    """Return the public ids of the sessions of a workshop."""
    return [one["public_id"] for one in visitor.sessions() if one["title"] == title]


class TestRunbookOfAccounts:
    def test_lets_somebody_in_again(self, desk_project: Path, desk: str) -> None:
        runbook = Runbook(desk_project, "accounts")
        old, new = "a-long-phrase-7", "a-longer-phrase-8"
        runbook.type_into(
            "Nobody can reach the admin",
            {"Email address: ": SOMEBODY, "Password: ": old, "Password (again): ": old},
        )
        assert "Site administration" in sign_in(desk, old, page="/admin/login/?next=/admin/")
        for _ in range(5):
            assert "password is wrong" in sign_in(desk, "wrong")
        assert "Too many attempts" in sign_in(desk, old)
        assert log_lines(desk_project, "limit_reached")[-1]["ip"] == "127.0.0.1"

        runbook.type_into("Somebody cannot sign in", {"Password: ": new, "Password (again): ": new})

        assert "Too many attempts" in sign_in(desk, new)
        sql(desk_project, "DELETE FROM trellis_limit")  # as after some minutes
        assert "password is wrong" in sign_in(desk, old)
        assert "Sign out" in sign_in(desk, new)

    def test_keeps_demo_users_out(self, desk_project: Path, desk: str) -> None:
        demo_user = demo.Visitor(desk)
        demo_user.sign_in("demo@example.com")
        untick = "UPDATE accounts_user SET is_active = ? WHERE email = 'demo@example.com'"

        sql(desk_project, untick, False)
        try:
            assert "Sign out" not in demo_user.request("/")[1]
            with pytest.raises(demo.DemoFailed):
                demo_user.sign_in("demo@example.com")
        finally:
            sql(desk_project, untick, True)


def sign_in(address: str, password: str, *, page: str = "/accounts/login/") -> str:
    """Try to sign in as somebody, and return the page that follows."""
    visitor = demo.Visitor(address)
    visitor.request(page)  # for the token of the form
    form = urllib.parse.urlencode({"username": SOMEBODY, "password": password})
    return visitor.request(page, form.encode())[1]


class TestRunbookOfBookings:
    def test_mails_each_confirmation_that_failed_once(
        self, desk_project: Path, reader: demo.Visitor
    ) -> None:
        runbook = Runbook(desk_project, "bookings")
        sessions = sessions_of(reader, "Sourdough from scratch")
        with broken_mail(desk_project):
            first, second = (reader.book(session)[1]["public_id"] for session in sessions)
            wait(lambda: len(failed_confirmations(desk_project)) == 2, "the failed tasks")
        assert "Confirmation on its way" in reader.request("/bookings/")[1]
        assert demo.CONFIRM in [line["task"] for line in log_lines(desk_project, "task_failed")]

        (call,) = re.findall(r"`(uv run celery -A config call [^`]+)`", runbook.text)
        row_id = f'"booking_id": {id_of(desk_project, first)}'
        called = runbook.run_command(call, replace={'"booking_id": 1': row_id})
        wait_for_run(desk_project, called)
        assert mails_of(desk_project, first) == 1
        assert mails_of(desk_project, second) == 0

        replayed = runbook.run("Confirmations do not arrive")
        wait(lambda: mails_of(desk_project, second) == 1, "the mail of the replay")
        wait_for_run(desk_project, runbook.run_command(call, replace={'"booking_id": 1': row_id}))

        assert "2 replayed." in replayed
        assert [mails_of(desk_project, one) for one in (first, second)] == [1, 1]
        assert "Confirmation on its way" not in reader.request("/bookings/")[1]

    def test_releases_a_hold_once_the_count_of_seats_is_right(
        self, desk_project: Path, reader: demo.Visitor
    ) -> None:
        runbook = Runbook(desk_project, "bookings")
        session = sessions_of(reader, "Bind your own notebook")[0]
        booking = reader.book(session)[1]["public_id"]
        row_id = id_of(desk_project, booking)
        left = seats_left(desk_project, session)
        over = "UPDATE bookings_booking SET hold_expires_at = '2020-01-01' WHERE id = ?"
        set_seats_left(desk_project, session, 8)  # all of them
        sql(desk_project, over, row_id)  # after that, since beat may release it at any time

        wait_for_run(desk_project, runbook.run("Holds are not released"))

        (logged,) = log_lines(desk_project, "hold_not_expired")[-1:]
        assert logged["booking_id"] == row_id
        assert "session_seats_within_capacity" in json.dumps(logged)
        assert "Held until paid" in reader.request("/bookings/")[1]

        set_seats_left(desk_project, session, left)
        wait_for_run(desk_project, runbook.run("Holds are not released"))

        assert "Expired unpaid" in reader.request("/bookings/")[1]
        assert seats_left(desk_project, session) == left + 1


@contextmanager
def broken_mail(project: Path) -> Iterator[None]:
    """Let each mail fail: a file stands where its folder should be."""
    folder, aside = project / "var/mail", project / "var/mail.aside"
    folder.mkdir(exist_ok=True)
    folder.rename(aside)
    folder.touch()
    try:
        yield
    finally:
        folder.unlink()
        aside.rename(folder)


def failed_confirmations(project: Path) -> list[tuple[Any, ...]]:
    rows = "SELECT id FROM trellis_failedtask WHERE state = 'open' AND name = ?"
    return sql(project, rows, demo.CONFIRM)


def mails_of(project: Path, booking: str) -> int:
    texts = [path.read_text() for path in (project / "var/mail").glob("*.log")]
    return sum(text.count(f"<booking-{booking}@confirmation>") for text in texts)


def id_of(project: Path, booking: str) -> int:
    rows = "SELECT id FROM bookings_booking WHERE public_id = ?"
    return int(sql(project, rows, UUID(booking).hex)[0][0])


def seats_left(project: Path, session: str) -> int:
    rows = "SELECT seats_left FROM catalog_session WHERE public_id = ?"
    return int(sql(project, rows, UUID(session).hex)[0][0])


def set_seats_left(project: Path, session: str, seats: int) -> None:
    change = "UPDATE catalog_session SET seats_left = ? WHERE public_id = ?"
    sql(project, change, seats, UUID(session).hex)


class TestRunbookOfCatalog:
    @pytest.mark.parametrize(
        ("name", "title"),
        [
            ("catalog", "A page shows an old time or an old number of seats"),
            ("caches", "A page shows an old value"),
        ],
    )
    def test_refreshes_a_page_that_is_old(
        self, name: str, title: str, desk_project: Path, reader: demo.Visitor
    ) -> None:
        session = sessions_of(reader, "Throw your first bowl")[0]
        page = f"/sessions/{session}/"
        reader.request(page)
        change = "UPDATE catalog_session SET room = ? WHERE public_id = ?"
        sql(desk_project, change, f"Room of {name}", UUID(session).hex)
        assert f"Room of {name}" not in reader.request(page)[1]

        printed = Runbook(desk_project, name).run(title, replace={EXAMPLE_ID: session})

        assert f"Room of {name}" in reader.request(page)[1]
        assert printed == ""

    def test_prints_the_sessions_whose_count_of_seats_is_wrong_and_only_these(
        self, desk_project: Path, reader: demo.Visitor
    ) -> None:
        runbook = Runbook(desk_project, "catalog")
        sessions = sessions_of(reader, "Throw your first bowl")[:2]
        reader.book(sessions[0])
        left = [seats_left(desk_project, session) for session in sessions]

        set_seats_left(desk_project, sessions[0], left[0] + 1)
        set_seats_left(desk_project, sessions[1], left[1] - 1)
        wrong = runbook.run("The count of seats is wrong")
        for session, seats in zip(sessions, left, strict=True):
            set_seats_left(desk_project, session, seats)
        right = runbook.run("The count of seats is wrong")

        assert wrong.splitlines() == [
            f"{sessions[0]} 6 {left[0] + 1} {6 - left[0]}",
            f"{sessions[1]} 6 {left[1] - 1} {6 - left[1]}",
        ]
        assert right == ""

    def test_prints_a_file_without_a_workshop_and_not_one_with(
        self, desk_project: Path, desk: str
    ) -> None:
        folder = desk_project / "var/media/workshops"
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("of-a-workshop.webp", "of-none.webp"):
            (folder / name).write_bytes(b"RIFF")
        picture = "UPDATE catalog_workshop SET picture = ? WHERE title = 'Repair a bicycle'"

        sql(desk_project, picture, "workshops/of-a-workshop.webp")
        printed = Runbook(desk_project, "catalog").run("Pictures fail")
        sql(desk_project, picture, "")

        assert "workshops/of-none.webp" in printed.splitlines()
        assert "of-a-workshop" not in printed


class TestRunbookOfCaches:
    def test_lists_each_cache_with_its_lines(self, desk_project: Path) -> None:
        runbook = Runbook(desk_project, "caches")

        listed = runbook.run("Which caches are there, and is each worth it?")

        assert "catalog.session  (owner curators, ttl 300 s)" in listed
        explained = re.findall(r"^\| ([a-z ]+) \|", runbook.text, re.M)
        assert re.findall(r"^  (\w+(?: \w+)*)  ", listed, re.M)[:3] == explained


class TestRunbookOfInsights:
    def test_computes_old_figures_anew(self, desk_project: Path, reader: demo.Visitor) -> None:
        ((day, seats),) = sql(
            desk_project,
            "SELECT date(starts_at), capacity FROM catalog_session ORDER BY starts_at LIMIT 1",
        )
        old = "INSERT OR REPLACE INTO insights_dailyoccupancy VALUES (NULL, ?, 999, 99, ?)"
        sql(desk_project, old, day, "2020-01-01")

        called = Runbook(desk_project, "insights").run("The figures are old")
        wait_for_run(desk_project, called)

        offered = "SELECT seats_offered FROM insights_dailyoccupancy WHERE day = ?"
        assert sql(desk_project, offered, day) == [(seats,)]
