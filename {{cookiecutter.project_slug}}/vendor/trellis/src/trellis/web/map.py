"""The map: a page and a picture of the apps. For staff; on a development server for everybody."""

import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import user_passes_test
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import path
from django.views.decorators.http import require_safe

from trellis import ownership
from trellis.caching import figures
from trellis.models import FailedTask
from trellis.web import architecture
from trellis.web.pages import render

LINKED = re.compile(r"((apps|docs)/[\w/-]+|waivers)\.(html|md|py|toml|txt)")
COLOURS = ("#2a9d8f", "#e0801f", "#4a86e0", "#9a66d6", "#d2568f", "#86951f")  # of teams
RIGHT, TOP, HEIGHT, SPACE = 232, 16, 96, 28  # of the boxes in map.svg, in pixels

for_staff = user_passes_test(lambda user: settings.DEBUG or user.is_staff)


@require_safe
@for_staff
def page(request: HttpRequest) -> HttpResponse:
    """Show the picture, and beside it all that is in the apps."""
    failed = FailedTask.objects.filter(state=FailedTask.State.OPEN).order_by("name")
    context: dict[str, Any] = {"failed": [*failed.values_list("name").annotate(Count("pk"))]}
    try:
        apps = architecture.read(hits=figures.last_week())
        context |= {"apps": apps, "production": settings.PRODUCTION, **picture(apps)}
    except ownership.Malformed as fault:
        context["fault"] = fault
    return render(request, "trellis/map.html", context)


@require_safe
@for_staff
def show_file(request: HttpRequest, path: str) -> HttpResponse:
    """Show a file that the map links to, as plain text. On a development server only."""
    file = settings.BASE_DIR / path
    if not settings.DEBUG or not LINKED.fullmatch(path) or not file.is_file():
        raise Http404
    return HttpResponse(file.read_bytes(), content_type="text/plain; charset=utf-8")


def svg() -> str:
    """Return the picture as a file of its own. Raises `Malformed`."""
    css = Path(__file__).parent.parent / "static/trellis/map.css"
    context = {"style": css.read_text().partition("\n\n")[0], "project_name": settings.PROJECT_NAME}
    return render_to_string("trellis/map.svg", context | picture(architecture.read(hits={})))


def picture(apps: list[architecture.App]) -> dict[str, Any]:
    """Return what map.svg needs: a column of boxes, users above, and an arc for each use."""
    edges = [(app.name, use) for app in apps for use in app.parts.get("uses", [])]
    edges.sort(key=lambda edge: edge[1].facts == "undeclared")  # red arcs above the others
    declared = {app.name: app.owners.get("depends_on", []) for app in apps if app.name}
    try:
        order = [*TopologicalSorter(declared).static_order()][::-1]
    except CycleError:  # which the check refuses
        order = sorted(declared)
    top = {name: TOP + row * (HEIGHT + SPACE) for row, name in enumerate(order)}
    arcs, width = [], RIGHT + 16
    for user, use in edges:
        begin, end = top[user] + HEIGHT * 2 // 3, top[use.name] + HEIGHT // 3
        bend = RIGHT + round(6 * abs(end - begin) ** 0.5)
        arcs.append((user, use, f"M{RIGHT} {begin}C{bend} {begin} {bend} {end} {RIGHT} {end}"))
        width = max(width, bend)
    teams = sorted({app.owners["team"] for app in apps if app.name})
    colours = {team: COLOURS[number % len(COLOURS)] for number, team in enumerate(teams)}
    boxes = [(app, top[app.name], colours[app.owners["team"]]) for app in apps if app.name]
    legend = TOP + len(order) * (HEIGHT + SPACE)
    return {"boxes": boxes, "arcs": arcs, "width": width, "legend": legend}


urlpatterns = [path("", page, name="map"), path("<path:path>", show_file)]
