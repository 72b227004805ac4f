"""Every page in a browser: at each width, light and dark, and as axe-core judges it.

A screenshot of each, at three widths, is in build/screenshots/, which CI keeps.
"""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.template.browsing import listening, screenshot, show
from tests.template.rendered import ADMIN, OURS, Rendered

# The pages are fetched, and the browser started, by one test process only.
pytestmark = pytest.mark.xdist_group("looks")

WIDTHS = (320, 390, 576, 600, 768, 820, 900, 960, 1280, 1440)
SHOWN = (390, 820, 1280)
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[tuple[Page, list[str]]]:
    """A page for all tests, because to open one takes as long as most of them do."""
    with listening(browser) as tab:
        yield tab


@pytest.fixture
def page(tab: tuple[Page, list[str]]) -> Iterator[Page]:
    """That page. The test fails if the browser reports an error."""
    page, errors = tab
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1100, "height": 800})
    errors.clear()
    yield page
    found = [*errors]
    page.unroute_all(behavior="ignoreErrors")  # of what still loads; the next page ends it
    page.goto("about:blank")
    assert found == [], "the browser's console shows errors"


@pytest.mark.parametrize("name", [*OURS, *ADMIN])
class TestPage:
    def test_is_not_wider_than_the_screen(self, name: str, page: Page, rendered: Rendered) -> None:
        show(page, rendered, name)
        too_wide = {}
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            needed = page.evaluate("document.documentElement.scrollWidth")
            if needed > width:
                too_wide[width] = needed
            if width in SHOWN:
                screenshot(page, f"{name.replace('/', '-')} {width}")

        assert too_wide == {}

    def test_has_no_serious_fault_by_axe(self, name: str, page: Page, rendered: Rendered) -> None:
        faults = []
        for scheme, only in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # it is a literal
            show(page, rendered, name)
            for width in (390, 1280):
                page.set_viewport_size({"width": width, "height": 800})
                found = Axe().run(page, options={"resultTypes": ["violations"], **only})
                faults += [
                    f"{scheme}, {width}: {violation['id']}: {node['html']} {node['failureSummary']}"
                    for violation in found.response["violations"]
                    if violation["impact"] in SERIOUS
                    for node in violation["nodes"]
                ]

        assert faults == []


class TestKeyboard:
    def test_skips_the_navigation_first(self, page: Page, rendered: Rendered) -> None:
        show(page, rendered, "sessions, staff")

        page.keyboard.press("Tab")
        link = page.get_by_role("link", name="Skip to the content")
        assert link.bounding_box()["x"] >= 0  # type: ignore[index]  # it has a box
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")

        assert page.evaluate("document.activeElement.type") == "search"

    @pytest.mark.parametrize("name", ["sessions, staff", "session, booked", "sign in", "proposal"])
    def test_shows_where_it_is_and_goes_in_the_order_of_the_page(
        self, name: str, page: Page, rendered: Rendered
    ) -> None:
        show(page, rendered, name)
        first, *others = page.locator("a, button, input:not([type=hidden]), textarea").all()
        first.focus()

        for element in others:
            page.keyboard.press("Tab")
            assert element.evaluate("each => each === document.activeElement")
            look = "each => [getComputedStyle(each).outlineStyle, getComputedStyle(each).boxShadow]"
            assert element.evaluate(look) != ["none", "none"], element
