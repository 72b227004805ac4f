"""`make screenshots`: make the pictures of the README anew, from a project of its own."""

import tempfile
from pathlib import Path

from tests.template.browsing import listening, open_browser, show
from tests.template.living import set_up
from tests.template.rendered import render

FOLDER = Path(__file__).parent.parent / "docs" / "images"
PICTURES = {  # file → page, colours, size
    "workshops": ("sessions, visitor", "light", (900, 560)),
    "map": ("map", "dark", (900, 780)),
    "admin": ("admin", "light", (900, 560)),
}


def main() -> None:
    """Generate a project, and keep what the first screen of a few of its pages shows."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, open_browser() as browser:
        rendered = render(set_up(Path(scratch) / "project", starter="example"))
        for name, (page_name, scheme, (width, height)) in PICTURES.items():
            with listening(browser) as (page, _):
                page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # a literal
                page.set_viewport_size({"width": width, "height": height})
                show(page, rendered, page_name)
                page.screenshot(path=FOLDER / f"{name}.png")


if __name__ == "__main__":
    main()
