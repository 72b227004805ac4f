"""Where things are."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from conventions import ownership
from conventions.layout.engine import Finding, rule
from conventions.layout.source import (
    BESIDE_THE_LAYERS,
    FRONT_DOOR,
    RANK,
    ROWS,
    App,
    Module,
    Place,
    Project,
)

TESTED = ("api", "views", "admin", "management", "forms", "services", "tasks", "clients")
LEFTOVER = b"cookie" + b"cutter."


def _owners_place(app: App) -> Place:
    return Place(f"apps/{app.name}/OWNERS.toml")


@rule
def app_has_an_owner(project: Project) -> Iterator[Finding]:
    """Every app has an OWNERS.toml that says whose it is, what it is for and what it may use."""
    for app in project.apps:
        if fault := app.owners_fault:
            yield Place(f"apps/{app.name}/OWNERS.toml", fault.line), fault.message


@rule
def owner_is_a_known_team(project: Project) -> Iterator[Finding]:
    """The team that owns an app is one of teams.toml."""
    try:
        teams = ownership.read_teams(project.root / "teams.toml")
    except ownership.Malformed as error:
        yield Place("teams.toml", error.line), error.message
        return
    for app in project.apps:
        if (team := app.owners.get("team")) and team not in teams:
            known = ", ".join(sorted(teams))
            yield _owners_place(app), f"no team {team!r} in teams.toml. Known: {known}."


@rule
def runbook_exists(project: Project) -> Iterator[Finding]:
    """The runbook an app names is there for whoever is called at night."""
    for app in project.apps:
        path = app.owners.get("runbook")
        if path and not (project.root / str(path)).is_file():
            yield _owners_place(app), f"the runbook {path} does not exist. Write it."


@rule
def every_module_has_a_home(project: Project) -> Iterator[Finding]:
    """An app holds its layers and nothing beside them, so that code is found where it belongs.

    A pure calculation may live in a module of its own inside a layer that is a package.
    """
    known = {*RANK, *BESIDE_THE_LAYERS, "__init__"}
    for app in project.apps:
        for module in app.modules:
            if module.layer not in known:
                yield (
                    Place(module.path),
                    f"{module.layer} is no layer. Move it into one of"
                    f" {', '.join(layer for row in ROWS for layer in row)}.",
                )


@rule
def folders_are_packages(project: Project) -> Iterator[Finding]:
    """A folder with Python files has an __init__.py, else import contracts do not see it."""
    for app in project.apps:
        folders = {path.rpartition("/")[0] for path in app.files} | {f"apps/{app.name}"}
        for folder in sorted(folders):
            if f"{folder}/__init__.py" not in app.files:
                yield Place(folder), "is no package. Add an empty __init__.py."


@rule
def module_or_package_never_both(project: Project) -> Iterator[Finding]:
    """A layer is a module or a package of that name, never both."""
    for app in project.apps:
        for layer in RANK:
            if (app.path / f"{layer}.py").exists() and (app.path / layer).is_dir():
                place = Place(f"apps/{app.name}/{layer}.py")
                yield place, f"{layer}/ is there, too, and hides it. Move the code into {layer}/."


@rule
def layers_have_tests(project: Project) -> Iterator[Finding]:
    """A layer with code has a test module (or package) of its name."""
    for app in project.apps:
        for layer in (*TESTED, "selectors"):
            written = [module for module in app.layer(layer) if module.tree.body]
            if not written:
                continue
            start = f"apps/{app.name}/tests/test_{layer}"
            if not any(path.startswith((f"{start}.py", f"{start}/")) for path in app.files):
                yield (
                    Place(written[0].path),
                    f"nothing tests it. Add apps/{app.name}/tests/test_{layer}.py.",
                )


@rule
def layers_point_down(project: Project) -> Iterator[Finding]:
    """A layer uses only those beneath it: doors, then services, then selectors, then models.

    Does not see an import made of a string that is computed.
    """
    for module in project.modules:
        if module.layer not in RANK:
            continue
        for node, _, dotted in module.imports:
            target = _layer_in(dotted, app=module.app)
            if target == module.layer or target not in RANK:
                continue
            siblings = {module.layer, target} == {"services", "tasks"}
            if RANK[target] <= RANK[module.layer] and not siblings:
                yield module.at(node), f"{module.layer} must not use {target}, which is above it."


def _layer_in(dotted: str, *, app: str) -> str:
    """Return which layer of the app itself a dotted name is in, or ""."""
    start = f"apps.{app}."
    return dotted[len(start) :].partition(".")[0] if dotted.startswith(start) else ""


@rule
def dependencies_are_declared(project: Project) -> Iterator[Finding]:
    """An app uses another only if `depends_on` in its OWNERS.toml says so. Tests may use all."""
    for app in project.apps:
        for name in app.depends_on:
            if name not in project.app_names:
                yield _owners_place(app), f"depends_on names {name!r}, which is no app. Mend it."
        for module in app.modules:
            for node, other, _ in _uses_of_others(module, project=project):
                if other not in app.depends_on:
                    yield (
                        module.at(node),
                        f"{app.name} uses {other} without saying so. Add {other!r} to depends_on"
                        f" in apps/{app.name}/OWNERS.toml, or do without it.",
                    )


@rule
def other_apps_are_entered_by_the_front_door(project: Project) -> Iterator[Finding]:
    """Other apps are used through their services, selectors, types and exceptions only.

    Tests may use other apps' factories and models.
    """
    for module in project.modules:
        for node, other, inside in _uses_of_others(module, project=project):
            if inside.partition(".")[0] not in FRONT_DOOR:
                what = f"apps.{other}.{inside}".rstrip(".")
                yield (
                    module.at(node),
                    f"{what} is {other}'s own business. Use its selectors or services.",
                )


@cache  # two rules ask
def _uses_of_others(module: Module, *, project: Project) -> list[tuple[ast.AST, str, str]]:
    """(node, other app, what inside it) of every import of another app."""
    uses: list[tuple[ast.AST, str, str]] = []
    for node, _, dotted in module.imports:
        head, _, rest = dotted.partition(".")
        other, _, inside = rest.partition(".")
        if head == "apps" and other in project.app_names and other != module.app:
            uses.append((node, other, inside))
    for call, called in module.calls:
        if (
            called.rpartition(".")[2] == "get_model"
            and call.args
            and isinstance(call.args[0], ast.Constant)
        ):
            other = str(call.args[0].value).partition(".")[0]
            if other in project.app_names and other != module.app:
                uses.append((call, other, "models"))
    return uses


@rule
def dependencies_have_no_cycle(project: Project) -> Iterator[Finding]:
    """No app depends on itself by way of others."""
    wants = {app.name: app.depends_on for app in project.apps}
    for app in project.apps:
        if cycle := _way_back(app.name, wants=wants):
            yield _owners_place(app), f"depends on itself: {' → '.join(cycle)}. Turn one around."


def _way_back(start: str, *, wants: dict[str, list[str]]) -> list[str]:
    seen: set[str] = set()
    ways = [[start, name] for name in wants[start]]
    while ways:
        way = ways.pop()
        if way[-1] == start:
            return way
        if way[-1] not in seen:
            seen.add(way[-1])
            ways += [[*way, name] for name in wants.get(way[-1], [])]
    return []


@rule
def codeowners_are_current(project: Project) -> Iterator[Finding]:
    """.github/CODEOWNERS and catalog-info.yaml are what the owners' files make of them."""
    try:
        wanted = ownership.derived(root=project.root)
    except ownership.Malformed:
        return  # reported where it is
    for name, text in wanted.items():
        path = project.root / name
        if not path.is_file() or path.read_text("utf-8", "replace") != text:
            yield Place(name), "does not say what the owners say. Run `make owners`."


@rule
def no_template_leftovers(project: Project) -> Iterator[Finding]:
    """Nothing of the template's own language is left in the project."""
    for path in project.files:
        text = _bytes(project.root / path)
        for number, line in enumerate(text.splitlines(), 1) if LEFTOVER in text else ():
            if LEFTOVER in line and b"{{" in line:
                yield Place(path, number), "was not rendered. Write what is meant."


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""  # a Python file of an app is reported elsewhere; others are not our business
