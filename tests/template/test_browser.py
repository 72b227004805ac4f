"""The pages in a real browser. A screenshot of each is in build/screenshots/."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

import demo
from tests.template.living import MailedDesk, log_lines, python

SCREENSHOTS = demo.TEMPLATE / "build" / "screenshots"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # The browser of this machine, or else the one that `make test` lets Playwright install.
        installed = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(
            executable_path=installed,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1100, "height": 800})
    errors: list[str] = []

    def record(message: ConsoleMessage) -> None:
        if message.type == "error":
            errors.append(message.text)

    page.on("console", record)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.close()
    assert errors == [], "the browser's console shows errors"


def screenshot(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def sign_in(page: Page, address: str, email: str) -> None:
    page.goto(f"{address}/accounts/login/")
    page.get_by_label("Email address").fill(email)
    page.get_by_label("Password").fill(demo.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()


class TestPages:
    def test_let_a_visitor_find_a_session_sign_in_and_book(self, page: Page, desk: str) -> None:
        page.goto(desk)
        screenshot(page, "home")
        page.get_by_role("button", name="See the workshops").click()
        screenshot(page, "sessions")

        page.get_by_role("link", name="Sourdough from scratch").first.click()
        screenshot(page, "session-signed-out")
        page.get_by_role("button", name="Sign in to book a seat").click()
        screenshot(page, "sign-in")
        page.get_by_label("Email address").fill("demo@example.com")
        page.get_by_label("Password").fill(demo.PASSWORD)
        page.get_by_role("button", name="Sign in").click()

        page.get_by_role("button", name="Book a seat").wait_for()
        screenshot(page, "session")
        page.get_by_role("button", name="Book a seat").click()

        page.get_by_role("status").wait_for()
        assert "You have a seat" in page.get_by_role("status").inner_text()
        screenshot(page, "my-bookings")

        page.get_by_role("button", name="Cancel").first.click()
        page.get_by_text("Your booking is cancelled.").wait_for()

        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("link", name="Sign in").wait_for()

    def test_show_staff_the_occupancy_and_the_admin(self, page: Page, desk: str) -> None:
        sign_in(page, desk, "staff@example.com")
        page.goto(f"{desk}/insights/")
        screenshot(page, "occupancy")

        page.goto(f"{desk}/admin/")
        assert page.get_by_role("link", name="Bookings").first.is_visible()
        screenshot(page, "admin")
        page.goto(f"{desk}/admin/catalog/session/")
        screenshot(page, "admin-sessions")

    def test_show_the_documentation_of_the_api(self, page: Page, desk: str) -> None:
        page.goto(f"{desk}/api/docs")

        page.get_by_text("/api/bookings").first.wait_for()
        screenshot(page, "api-docs")

    def test_are_not_wider_than_a_telephone(self, browser: Browser, desk: str) -> None:
        page = browser.new_page(viewport={"width": 390, "height": 800})
        page.goto(f"{desk}/sessions/")
        screenshot(page, "sessions-telephone")

        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.close()


class TestMap:
    @pytest.mark.parametrize(("name", "width"), [("map", 1280), ("map-telephone", 390)])
    def test_shows_the_apps_and_scrolls_in_its_frame_only(
        self, name: str, width: int, page: Page, desk: str
    ) -> None:
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{desk}/_map/")
        screenshot(page, name)

        assert page.evaluate("document.documentElement.scrollWidth") <= width
        picture = page.get_by_role("figure", name="The apps of Workshop Desk")
        size = picture.evaluate("each => [each.clientWidth, Number(each.getAttribute('width'))]")
        assert size[0] == size[1]  # not made smaller: its texts stay legible
        assert "bookings uses catalog. " in str(picture.locator("desc").first.text_content())

        picture.get_by_text("bookings", exact=True).click()
        assert page.url.endswith("/_map/#app-bookings")
        heading = page.get_by_role("heading", name="bookings")
        assert 0 <= heading.evaluate("each => each.getBoundingClientRect().top") < 900

    def test_links_to_the_place_in_a_file_and_to_the_runbook(
        self, browser: Browser, desk: str
    ) -> None:
        page = browser.new_page()  # a plain text has no icon, and the console would say so
        page.goto(f"{desk}/_map/")
        page.get_by_role("link", name="cancel_booking").click()
        page.wait_for_url("**/_map/apps/bookings/services.py*")
        assert "def cancel_booking(*" in page.locator("body").inner_text()
        page.wait_for_function("scrollY > 0")  # at the function

        page.go_back()
        page.get_by_role("link", name="docs/runbooks/bookings.md").click()
        page.wait_for_url("**/_map/docs/runbooks/bookings.md*")
        assert page.locator("body").inner_text().startswith("# ")
        page.close()

    def test_is_linked_from_the_admin(self, page: Page, desk: str) -> None:
        sign_in(page, desk, "staff@example.com")
        page.goto(f"{desk}/admin/")
        page.get_by_role("link", name="Map").click()

        page.get_by_role("heading", name="Map", exact=True).wait_for()

    def test_is_drawn_into_a_file_the_same_each_time(self, page: Page, desk_project: Path) -> None:
        picture = desk_project / "docs" / "map.svg"
        demo.run(["make", "map"], cwd=desk_project)
        first = picture.read_bytes()
        demo.run(["make", "map"], cwd=desk_project)

        assert picture.read_bytes() == first
        page.goto(picture.as_uri())
        assert page.get_by_text("curators", exact=True).is_visible()


class TestFailedTasks:
    def test_are_replayed_in_the_admin_and_mail_once(
        self, page: Page, mailed_desk: MailedDesk
    ) -> None:
        project, mails = mailed_desk.project, mailed_desk.mails
        mails.refuses = True
        visitor = demo.Visitor(mailed_desk.address)
        visitor.sign_in("demo@example.com")
        free = next(s for s in visitor.sessions() if not s["price_cents"] and s["capacity"] > 1)
        assert visitor.book(free["public_id"])[0] == 201

        # The mail server refuses the first try, so there will be another one.
        def retries() -> list[dict[str, object]]:
            return log_lines(project, "task_retried")

        demo.wait_until(lambda: bool(retries()), seconds=60, what="the first retry")
        first = retries()[0]
        assert (first["task"], first["attempt"], first["of"]) == (demo.CONFIRM, 1, 6)
        assert "451" in str(first["error"])

        # Instead of waiting for four more tries, enqueue the message at its last try.
        request_id = str(first["request_id"])
        python(
            project,
            "from structlog.contextvars import bind_contextvars\n"
            "from apps.bookings import tasks\n"
            f"bind_contextvars(request_id={request_id!r})\n"
            "tasks.send_confirmation.apply_async(kwargs={'booking_id': 1}, retries=5)",
        )
        demo.wait_until(
            lambda: bool(log_lines(project, "task_failed")), seconds=60, what="the failed task"
        )
        failure = log_lines(project, "task_failed")[0]
        assert (failure["task"], failure["owner"]) == (demo.CONFIRM, "platform")
        assert mails.mails == []

        # The mail server works again, and somebody replays the task.
        mails.refuses = False
        sign_in(page, mailed_desk.address, "staff@example.com")
        page.goto(f"{mailed_desk.address}/admin/trellis/failedtask/?state__exact=open")
        row = page.get_by_role("row", name=demo.CONFIRM)
        assert "docs/runbooks/bookings.md" in row.inner_text()
        screenshot(page, "failed-tasks")
        row.get_by_role("checkbox").check()
        page.get_by_role("combobox", name="Action").select_option(label="Replay: run again")
        page.get_by_role("button", name="Run").click()
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
        story = demo.run(["uv", "run", "python", "manage.py", "story", request_id], cwd=project)
        for event in ("request_started", "task_retried", "task_failed", "task_succeeded"):
            assert f"  {event}  " in story, f"the story lacks {event}"
