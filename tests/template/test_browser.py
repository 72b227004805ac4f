"""The pages in a real browser, with a screenshot of each in build/screenshots/ to look at."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

import demo
from tests.template.living import MailedDesk, log_lines, python

SCREENSHOTS = demo.TEMPLATE / "build" / "screenshots"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # A browser of the machine's own where there is one; else the one that
        # `make test` has Playwright install.
        own = next(
            (path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None
        )
        browser = playwright.chromium.launch(
            executable_path=own,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1100, "height": 800})
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    page.close()
    assert complaints == [], "the browser's console has complaints"


def photograph(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def sign_in(page: Page, address: str, email: str) -> None:
    page.goto(f"{address}/accounts/login/")
    page.get_by_label("Email address").fill(email)
    page.get_by_label("Password").fill(demo.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()


class TestPages:
    def test_a_visitor_finds_a_session_signs_in_and_books(self, page: Page, desk: str) -> None:
        page.goto(desk)
        photograph(page, "home")
        page.get_by_role("button", name="See the workshops").click()
        photograph(page, "sessions")

        page.get_by_role("link", name="Sourdough from scratch").first.click()
        photograph(page, "session-signed-out")
        page.get_by_role("button", name="Sign in to book a seat").click()
        photograph(page, "sign-in")
        page.get_by_label("Email address").fill("demo@example.com")
        page.get_by_label("Password").fill(demo.PASSWORD)
        page.get_by_role("button", name="Sign in").click()

        page.get_by_role("button", name="Book a seat").wait_for()
        photograph(page, "session")
        page.get_by_role("button", name="Book a seat").click()

        page.get_by_role("status").wait_for()
        assert "You have a seat" in page.get_by_role("status").inner_text()
        photograph(page, "my-bookings")

    def test_staff_see_occupancy_and_the_admin(self, page: Page, desk: str) -> None:
        sign_in(page, desk, "staff@example.com")
        page.goto(f"{desk}/insights/")
        photograph(page, "occupancy")

        page.goto(f"{desk}/admin/")
        assert page.get_by_role("link", name="Bookings").first.is_visible()
        photograph(page, "admin")
        page.goto(f"{desk}/admin/catalog/session/")
        photograph(page, "admin-sessions")

    def test_the_api_documents_itself(self, page: Page, desk: str) -> None:
        page.goto(f"{desk}/api/docs")

        page.get_by_text("/api/bookings").first.wait_for()
        photograph(page, "api-docs")

    def test_pages_are_usable_on_a_telephone(self, browser: Browser, desk: str) -> None:
        page = browser.new_page(viewport={"width": 390, "height": 800})
        page.goto(f"{desk}/sessions/")
        photograph(page, "sessions-telephone")

        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.close()


class TestFailedTasks:
    def test_a_mail_that_was_refused_to_the_end_is_replayed_and_sent_once(
        self, page: Page, mailed_desk: MailedDesk
    ) -> None:
        project, mails = mailed_desk.project, mailed_desk.mails
        mails.refuses = True
        visitor = demo.Visitor(mailed_desk.address)
        visitor.sign_in("demo@example.com")
        free = next(s for s in visitor.sessions() if not s["price_cents"] and s["capacity"] > 1)
        assert visitor.book(free["public_id"])[0] == 201

        # Its first try is refused, and says when the next one is.
        def retries() -> list[dict[str, object]]:
            return log_lines(project, "task_retried")

        demo.wait_until(lambda: bool(retries()), seconds=60, what="the first retry")
        (first, *_) = retries()
        assert (first["task"], first["attempt"], first["of"]) == (demo.CONFIRM, 1, 6)
        assert 0 <= int(str(first["next_in"])) <= 10
        assert "451" in str(first["error"])

        # We do not wait for the other four: this message is at its last try.
        request_id = str(first["request_id"])
        python(
            project,
            "from structlog.contextvars import bind_contextvars\n"
            "from apps.bookings import tasks\n"
            f"bind_contextvars(request_id={request_id!r})\n"
            "tasks.send_confirmation.apply_async(kwargs={'booking_id': 1}, retries=5)",
        )
        demo.wait_until(
            lambda: bool(log_lines(project, "task_failed")), seconds=60, what="the failure"
        )
        (failure,) = log_lines(project, "task_failed")
        assert (failure["task"], failure["owner"]) == (demo.CONFIRM, "platform")
        assert mails.refused >= 2
        assert mails.mails == []

        # Somebody mends the mail server, and runs it again.
        mails.refuses = False
        sign_in(page, mailed_desk.address, "staff@example.com")
        page.goto(f"{mailed_desk.address}/admin/conventions/failedtask/?state__exact=open")
        row = page.get_by_role("row", name=demo.CONFIRM)
        assert "docs/runbooks/bookings.md" in row.inner_text()
        photograph(page, "failed-tasks")
        row.get_by_role("checkbox").check()
        page.get_by_role("combobox", name="Action").select_option(label="Replay: run again")
        page.get_by_role("button", name="Run").click()
        page.get_by_text(f"Put back on its queue: {demo.CONFIRM}.").wait_for()
        demo.wait_until(lambda: bool(mails.mails), seconds=60, what="the mail")

        # Another delivery sends nothing more.
        before = len(log_lines(project, "task_succeeded"))
        python(
            project,
            "from apps.bookings import tasks; tasks.send_confirmation.delay(booking_id=1)",
        )
        demo.wait_until(
            lambda: len(log_lines(project, "task_succeeded")) > before, seconds=60, what="its run"
        )
        (mail,) = mails.mails
        assert mail["X-Request-ID"] == request_id
        story = demo.run(
            ["uv", "run", "python", "manage.py", "story", request_id], cwd=project
        ).splitlines()
        for event in ("request_started", "task_retried", "task_failed", "task_succeeded"):
            assert any(f"  {event}  " in line for line in story), f"the story lacks {event}"
