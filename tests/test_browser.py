"""The pages in a real browser, with a screenshot of each in build/screenshots/ to look at."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

import demo

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
