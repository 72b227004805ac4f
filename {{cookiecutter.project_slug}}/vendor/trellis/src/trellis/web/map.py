"""The map: a page and a picture of the apps. For staff; on a development server for everybody."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import user_passes_test
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import path
from django.views.decorators.http import require_safe

from trellis import errors
from trellis.web import architecture, drawing
from trellis.web.architecture import App
from trellis.web.pages import render

CSS = Path(__file__).parent.parent / "static/trellis/map.css"
COLOURS = 6  # of teams, in map.css


def _is_allowed(user: Any) -> bool:
    if settings.DEBUG or user.is_staff:
        return True
    if user.is_authenticated:
        raise errors.Forbidden("The map is for staff.")
    return False  # to the login page


_for_staff = user_passes_test(_is_allowed)


@require_safe
@_for_staff
def page(request: HttpRequest) -> HttpResponse:
    """Show the picture, and below it all that is in the apps."""
    apps, faults = architecture.read(root=settings.BASE_DIR, live=True)
    context = {"apps": apps, "faults": faults, **_picture(apps)}
    return render(request, "trellis/map.html", context)


@require_safe
@_for_staff
def show_file(request: HttpRequest, path: str) -> HttpResponse:
    """Show a file that the map links to, as plain text."""
    apps, _ = architecture.read(root=settings.BASE_DIR, live=False)
    file = settings.BASE_DIR / path
    if not any(path in app.paths for app in apps) or not file.is_file():
        raise Http404
    text = file.read_text(encoding="utf-8", errors="replace")
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


def svg(*, root: Path) -> str:
    """Return the picture as a file of its own, without what only the running project knows."""
    apps, _ = architecture.read(root=root, live=False)
    style = CSS.read_text(encoding="utf-8").partition("\n\n")[0]
    return render_to_string("trellis/map.svg", {"style": style, **_picture(apps)})


def _picture(apps: list[App]) -> dict[str, Any]:
    """Return what map.svg needs. The last app, which is none, is not in the picture."""
    found = [(app.name, use) for app in apps[:-1] for use in app.parts.get("uses", [])]
    found.sort(key=lambda each: each[1].kind == "undeclared")  # red arrows are above the others
    uses = {(user, use.name): use for user, use in found}
    drawn = drawing.draw(names=[app.name for app in apps[:-1]], uses=[*uses])
    teams = sorted({app.team for app in apps})
    boxes = [
        {"app": app, "team": teams.index(app.team) % COLOURS, "at": drawn.boxes[app.name]}
        for app in apps[:-1]
    ]
    arrows = [(user, use, drawn.arrows[user, other]) for (user, other), use in uses.items()]
    title = f"The apps of {settings.PROJECT_NAME}"
    return {"title": title, "drawn": drawn, "boxes": boxes, "arrows": arrows}


urlpatterns = [
    path("", page, name="map"),
    path("<path:path>", show_file, name="map_file"),
]
