"""A real browser, for tests and for screenshots."""

import mimetypes
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Route, sync_playwright

import demo
from tests.template.rendered import Rendered

SCREENSHOTS = demo.TEMPLATE / "build" / "screenshots"
MISSING = "no browser is installed: `make browser` installs one, and so does `apt install chromium`"


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start the browser of this machine, or else the one that `make browser` installs.

    Raises Playwright's `Error` where there is none.
    """
    with sync_playwright() as playwright:
        installed = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(
            executable_path=installed,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser. CI must have one; elsewhere the tests are skipped.

    It ends with its module: while it is there, an event loop runs, in which Django queries nothing.
    """
    opened = open_browser()
    try:
        browser = opened.__enter__()
    except Error:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    yield browser
    opened.__exit__(None, None, None)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page of a person of its own. The test fails if the browser reports an error."""
    with listening(browser) as (page, errors):
        yield page
    assert errors == [], "the browser's console shows errors"


@contextmanager
def listening(browser: Browser) -> Iterator[tuple[Page, list[str]]]:
    """Open a page, and collect the errors that its console shows."""
    page = browser.new_page(viewport={"width": 1100, "height": 800})
    errors: list[str] = []

    def record(message: ConsoleMessage) -> None:
        if message.type == "error":
            errors.append(message.text)

    page.on("console", record)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page, errors
    page.close()


def show(page: Page, rendered: Rendered, name: str) -> None:
    """Show one of the rendered pages, with its static files and its security policy."""
    text, policy = rendered.pages[name]

    def answer(route: Route) -> None:
        path = urlsplit(route.request.url).path
        if path.startswith(("/static/", "/media/")):
            file = rendered.static.parent / path.removeprefix("/")
            route.fulfill(path=file, content_type=mimetypes.guess_type(file)[0])
        elif path.endswith("/jsi18n/"):
            route.fulfill(path=rendered.static / "jsi18n.js", content_type="text/javascript")
        else:
            headers = {"Content-Security-Policy": policy}
            route.fulfill(body=text, content_type="text/html; charset=utf-8", headers=headers)

    page.route("**/*", answer)
    page.goto("http://desk.invalid/")


def screenshot(page: Page, name: str, *, folder: Path = SCREENSHOTS) -> None:
    """Keep what the browser shows as `build/screenshots/<name>.jpeg`."""
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"{name}.jpeg", full_page=True, quality=80)
