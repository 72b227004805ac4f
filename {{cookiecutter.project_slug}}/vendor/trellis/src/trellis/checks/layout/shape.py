"""Where things are."""

import ast
import os
from collections.abc import Iterator

from trellis import ownership
from trellis.checks.layout.engine import Finding, once, rule
from trellis.checks.layout.source import (
    BESIDE_EACH_OTHER,
    BESIDE_THE_LAYERS,
    DOORS,
    FRONT_DOOR,
    NOT_LOOKED_INTO,
    PLACEHOLDERS_IN,
    RANK,
    App,
    Module,
    Place,
    Project,
    read_bytes,
)

TESTED = (*DOORS, "forms", "services", "tasks", "clients", "selectors")
SAYS_NOTHING = {"utils", "util", "helpers", "helper", "common", "core", "misc", "lib"}
BY_STRING = {"get_model", "get_app_config", "get_registered_model"}
LEFTOVER = b"cookie" + b"cutter."
OPENINGS = (b"{" * 2, b"{" + b"%")


def _owners_place(app: App, key: str) -> Place:
    """Where an app's OWNERS.toml says something."""
    lines = read_bytes(f"{app.path}/OWNERS.toml").splitlines()
    said = (n for n, line in enumerate(lines, 1) if line.lstrip().startswith(key.encode()))
    return Place(f"apps/{app.name}/OWNERS.toml", next(said, 1))


@rule
def app_has_an_owner(project: Project) -> Iterator[Finding]:
    """Every app has an OWNERS.toml that says whose it is, what it is for and what it may use.

    Cannot see: whether the purpose is true.
    """
    for path in project.handmade:
        name = path.removeprefix("apps/")
        cure = f"Move it away and use `make app name={name} team=...`."
        yield Place(path), f"it was made by hand. {cure}"
    for app in project.apps:
        if fault := app.owners_fault:
            yield Place(f"apps/{app.name}/OWNERS.toml", fault.line), fault.message


@rule
def owner_is_a_known_team(project: Project) -> Iterator[Finding]:
    """The team that owns an app is one of teams.toml.

    Cannot see: whether anybody is left in that team.
    """
    try:
        teams = ownership.read_teams(f"{project.root}/teams.toml")
    except ownership.Malformed as error:
        yield Place("teams.toml", error.line), error.message
        return
    for app in project.apps:
        if (team := app.owners.get("team")) and team not in teams:
            yield _owners_place(app, "team"), ownership.why_unknown(team, teams=teams)


@rule
def runbook_exists(project: Project) -> Iterator[Finding]:
    """The runbook an app names is there for whoever is called at night.

    Cannot see: whether it helps.
    """
    for app in project.apps:
        path = app.owners.get("runbook")
        if path and not os.path.isfile(f"{project.root}/{path}"):
            yield _owners_place(app, "runbook"), f"the runbook {path} does not exist. Write it."


@rule
def every_module_has_a_home(project: Project) -> Iterator[Finding]:
    """An app holds its layers and nothing beside them, so that code is found where it belongs.

    A calculation may have a module of its own, named for what it does, inside a layer that is a
    package. An `__init__.py` of an app says nothing; that of a layer may re-export.

    Cannot see: code outside of `apps/`, and whether what is in a layer belongs there.
    """
    for path in project.strays:
        yield Place(path), "is in no app. Move what it holds into the app whose business it is."
    homes = ", ".join(RANK)
    for module in project.modules:
        name = module.path.rpartition("/")[2].removesuffix(".py")
        if module.layer == "__init__":
            if module.has_code:
                yield Place(module.path), f"holds code. Move it into one of {homes}."
        elif module.layer not in RANK and module.layer not in BESIDE_THE_LAYERS:
            yield Place(module.path), f"{module.layer} is no layer. Move it into one of {homes}."
        elif name in SAYS_NOTHING:
            yield Place(module.path), f"{name} says nothing. Name it for what it does."


@rule
def folders_are_packages(project: Project) -> Iterator[Finding]:
    """A folder with Python files has an __init__.py, else import contracts do not see it.

    Cannot see: folders outside of `apps/`.
    """
    for app in project.apps:
        python = {path for path in app.files if path.endswith(".py")}
        folders = {f"apps/{app.name}"}
        for path in python:
            parts = path.split("/")[:-1]
            folders |= {"/".join(parts[:depth]) for depth in range(3, len(parts) + 1)}
        for folder in sorted(folders):
            if f"{folder}/__init__.py" not in python:
                yield Place(folder), "is no package. Add an empty __init__.py."


@rule
def module_or_package_never_both(project: Project) -> Iterator[Finding]:
    """A layer is a module or a package of that name, never both: Python would hide one of them.

    Cannot see: a folder that holds no file.
    """
    for app in project.apps:
        entries = {path.split("/")[2] for path in app.files}
        for layer in RANK:
            if layer in entries and f"{layer}.py" in entries:
                place = Place(f"apps/{app.name}/{layer}.py")
                yield place, f"{layer}/ is there, too, and hides it. Move the code into {layer}/."


@rule
def layers_have_tests(project: Project) -> Iterator[Finding]:
    """A layer with code has a test module (or package) of its name, with a test in it.

    Models, caches, types and exceptions are tested through what uses them.

    Cannot see: whether the test would fail if the code were wrong.
    """
    for app in project.apps:
        for layer in TESTED:
            written = [module for module in app.layer(layer) if module.has_code]
            start = f"apps/{app.name}/tests/test_{layer}"
            tests = [path for path in app.files if path.startswith((f"{start}.py", f"{start}/"))]
            if written and not any(
                b"def test_" in read_bytes(f"{project.root}/{path}") for path in tests
            ):
                place = Place(written[0].path)
                yield (
                    place,
                    f"nothing tests it. Write a test in apps/{app.name}/tests/test_{layer}.py.",
                )


@rule
def layers_point_down(project: Project) -> Iterator[Finding]:
    """A layer uses only those beneath it: doors, then services, then selectors, then models.

    The same holds for the layers of other apps: a selector does not call their services. None
    uses tests, migrations, or `config`, which is above all apps. Imports inside functions and for
    types only count, too.

    Cannot see: an import made of a string that is computed, or a look into `sys.modules`.
    """
    for module in project.modules:
        if module.layer not in RANK:
            continue
        for node, dotted in _uses(module):
            head, app, target = [*dotted.split("."), "", ""][:3]
            if head == "config":
                yield (
                    module.at(node),
                    f"{module.layer} must not use {dotted}. Ask django.conf.settings.",
                )
            if head != "apps" or (app != module.app and target not in FRONT_DOOR):
                continue  # the insides of another app are another rule's
            if target in NOT_LOOKED_INTO:
                yield module.at(node), f"{module.layer} must not use {target}. Move what it needs."
            if target == module.layer or target not in RANK:
                continue
            siblings = {module.layer, target} in BESIDE_EACH_OTHER
            beside = not siblings and RANK[target] == RANK[module.layer]
            if RANK[target] < RANK[module.layer] or beside:
                above = f"{module.layer} must not use {target}, which is above it."
                yield module.at(node), f"{above} Move what both need to a lower layer."


@rule
def dependencies_are_declared(project: Project) -> Iterator[Finding]:
    """An app uses another only if `depends_on` in its OWNERS.toml says so. Tests may use all.

    Cannot see: a name of an app that is computed, or one that is read from data.
    """
    for app in project.apps:
        for name in app.depends_on:
            if name not in project.app_names:
                yield (
                    _owners_place(app, "depends_on"),
                    f"depends_on names {name!r}, which is no app. Mend it.",
                )
    apps = {app.name: app for app in project.apps}
    for module, node, other, _ in _uses_of_others(project):
        if not apps[module.app].may_use(other):
            yield (
                module.at(node),
                f"{module.app} uses {other} without saying so. Add {other!r} to depends_on in"
                f" apps/{module.app}/OWNERS.toml, or do without it.",
            )


@rule
def other_apps_are_entered_by_the_front_door(project: Project) -> Iterator[Finding]:
    """Other apps are used through their services, selectors, types and exceptions only.

    What such a module has imported from further inside is no part of it. Tests may use other
    apps' factories and models.

    Cannot see: a row that another app's function returned, and what is done with it.
    """
    for module, node, other, inside in _uses_of_others(project):
        if inside.partition(".")[0] not in FRONT_DOOR:
            what = f"apps.{other}.{inside}".rstrip(".")
            message = f"{what} is {other}'s own business. Use its selectors or services."
            yield module.at(node), message


def _uses(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """(node, dotted name) of every import, and of what is reached through a package's name.

    `from apps import accounts` and then `accounts.models` is a use of `apps.accounts.models`.
    """
    packages = set()
    for node, local, dotted in module.imports:
        yield node, dotted
        if dotted == "apps" or (dotted.startswith("apps.") and dotted.count(".") == 1):
            packages.add(local)
    for attribute in module.of(ast.Attribute) if packages else ():
        dotted = module.meaning(attribute)
        if dotted.count(".") > 1 and dotted.startswith("apps.") and _root(attribute) in packages:
            yield attribute, dotted


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return getattr(node, "id", "")


@once
def _uses_of_others(project: Project) -> list[tuple[Module, ast.AST, str, str]]:
    """(module, node, other app, what inside it) of every use of another app."""
    return [
        (module, node, other, inside)
        for module in project.modules
        for node, dotted in _others(module, project=project)
        if dotted.startswith("apps.")
        for other, _, inside in [dotted.removeprefix("apps.").partition(".")]
        if other in project.app_names and other != module.app
    ]


def _others(module: Module, *, project: Project) -> Iterator[tuple[ast.AST, str]]:
    for node, dotted in _uses(module):
        yield node, dotted
        yield node, project.origin(dotted)
    own = f"apps.{module.app}."
    theirs = {name for name, dotted in module.names.items() if dotted.startswith("apps.")}
    theirs -= {name for name, dotted in module.names.items() if dotted.startswith(own)}
    for attribute in module.of(ast.Attribute) if theirs else ():
        if isinstance(attribute.value, ast.Name) and attribute.value.id in theirs:
            yield attribute, project.origin(module.meaning(attribute))
    for call, called in module.calls:
        if called.rpartition(".")[2] in BY_STRING:
            first = [*call.args, *(word.value for word in call.keywords)][:1]
            label = module.text(first[0]).partition(".")[0] if first else ""
            yield call, f"apps.{label}.models"


@rule
def dependencies_have_no_cycle(project: Project) -> Iterator[Finding]:
    """No app depends on itself by way of others.

    Cannot see: a circle that is closed by data or by the queue.
    """
    wants = {app.name: app.depends_on for app in project.apps}
    for app in project.apps:
        if cycle := _way_back(app.name, wants=wants):
            circle = " → ".join(cycle)
            yield (
                _owners_place(app, "depends_on"),
                f"depends on itself: {circle}. Turn one around.",
            )


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
    """.github/CODEOWNERS and catalog-info.yaml are what the owners' files make of them.

    Cannot see: whether GitHub or Backstage knows the names in them.
    """
    try:
        wanted = ownership.derived(root=project.root)
    except ownership.Malformed:
        return  # reported where it is
    for name, text in wanted.items():
        written = read_bytes(f"{project.root}/{name}").replace(b"\r\n", b"\n")  # git's on Windows
        if written.decode(errors="replace") != text:
            yield Place(name), "does not say what the owners say. Run `make owners`."


@rule
def no_template_leftovers(project: Project) -> Iterator[Finding]:
    """Nothing of the template's own language is left at the top of the project and in its docs.

    Cannot see: other folders, in which such marks are Django's.
    """
    for place, line in project.lines_with(LEFTOVER, folders=PLACEHOLDERS_IN):
        if any(opening in line for opening in OPENINGS):
            yield place, "is a placeholder of the template. Write what is meant."
