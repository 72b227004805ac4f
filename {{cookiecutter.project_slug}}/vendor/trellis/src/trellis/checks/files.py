"""Rules about files, folders and owners."""

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from trellis import ownership
from trellis.checks.layers import BESIDE_THE_LAYERS
from trellis.checks.project import App, Project, is_read, text_of
from trellis.checks.rules import Finding

# Models, caches and types are tested through what uses them.
TESTED = (
    *("views", "api", "admin", "management", "templatetags", "forms"),
    *("services", "tasks", "clients", "selectors"),
)
SAYS_NOTHING = ("utils", "util", "helpers", "helper", "common", "core", "misc", "lib")


def check(project: Project) -> Iterator[Finding]:
    """Yield every finding about files."""
    yield from project.unreadable
    yield from _owners(project)
    yield from _codeowners(project)
    yield from _cycle(project)
    for path in project.strays:
        message = "is in no app. Move what it holds into the app whose business it is."
        yield Finding(path, 1, "module_has_a_home", message)
    for app in project.apps:
        yield from _homes(app, project)
        yield from _tests(app, project)


def _owners(project: Project) -> Iterator[Finding]:
    try:
        teams = ownership.read_teams(project.root / "teams.toml")
    except ownership.Malformed as fault:
        yield Finding("teams.toml", fault.line, "owner_is_a_known_team", fault.message)
        teams = {}
    for app in project.apps:
        if app.owners_fault:
            where, message = app.owners_fault.line, app.owners_fault.message
            yield Finding(_file(app), where, "app_has_an_owner", message)
        if teams and (team := app.owners.get("team")) and team not in teams:
            message = ownership.why_unknown(team, teams=teams)
            yield _at(app, "team", project, "owner_is_a_known_team", message)
        runbook = app.owners.get("runbook")
        if runbook and not Path(project.root, str(runbook)).is_file():
            message = f"the runbook {runbook} does not exist. Write it."
            yield _at(app, "runbook", project, "runbook_exists", message)
        for name in app.depends_on:
            if not project.app(name):
                known = ", ".join(one.name for one in project.apps)
                message = f"{name!r} in depends_on is not an app. Known: {known}."
                yield _at(app, "depends_on", project, "dependencies_are_declared", message)


def _file(app: App) -> str:
    return f"apps/{app.name}/OWNERS.toml"


def _at(app: App, key: str, project: Project, rule: str, message: str) -> Finding:
    """Return a finding at the line of a key in OWNERS.toml."""
    lines = enumerate(text_of(project.root / _file(app)).splitlines(), 1)
    line = next((number for number, text in lines if text.lstrip().startswith(key)), 1)
    return Finding(_file(app), line, rule, message)


def _codeowners(project: Project) -> Iterator[Finding]:
    try:
        wanted = ownership.codeowners(root=project.root)
    except ownership.Malformed:
        return  # reported where it is
    if text_of(project.root / ownership.CODEOWNERS) != wanted:
        message = "is not what the owners' files say. Run `make owners`."
        yield Finding(ownership.CODEOWNERS, 1, "codeowners_are_current", message)


def _homes(app: App, project: Project) -> Iterator[Finding]:
    entries = {path.split("/")[2] for path in app.files}
    for module in app.modules:
        name = module.path.rpartition("/")[2].removesuffix(".py")
        if module.layer == "__init__":
            if module.has_code:
                message = "holds code. Move it into a layer of the app."
                yield Finding(module.path, 1, "module_has_a_home", message)
        elif name in SAYS_NOTHING:
            message = f"the name {name} says nothing. Name the module for what it does."
            yield Finding(module.path, 1, "module_has_a_home", message)
        elif not module.group and module.layer not in BESIDE_THE_LAYERS:
            message = f"{module.layer} is no layer. docs/where-does-it-go.md says where code goes;"
            cure = "extra_modules in [tool.trellis] gives a name of your own a place."
            yield Finding(module.path, 1, "module_has_a_home", f"{message} {cure}")
        elif module.layer in entries and module.path == f"apps/{app.name}/{module.layer}.py":
            message = f"the package {module.layer}/ hides this module. Move the code into it."
            yield Finding(module.path, 1, "module_has_a_home", message)


def _tests(app: App, project: Project) -> Iterator[Finding]:
    tests = [path for path in app.files if path.endswith(".py") and not is_read(path)]
    for layer in TESTED:
        if not any(module.layer == layer and module.has_code for module in app.modules):
            continue
        own = [path for path in tests if _is_test_of(layer, path)]
        if not any("def test_" in text_of(project.root / path) for path in own):
            message = f"has no tests. Write one in apps/{app.name}/tests/test_{layer}.py."
            module = f"apps/{app.name}/{layer}.py"
            place = module if module in app.files else module.removesuffix(".py")
            yield Finding(place, 1, "layer_has_tests", message)


def _is_test_of(layer: str, path: str) -> bool:
    """Whether it is tests/test_<layer>*.py, or in tests/<layer>/ or in <layer>/tests/."""
    *folders, name = path.split("/")[2:]
    return name.startswith(f"test_{layer}") or layer in folders or f"test_{layer}" in folders


def _cycle(project: Project) -> Iterator[Finding]:
    """Yield the first cycle, if there are any."""
    apps = {app.name: app for app in project.apps}
    try:
        TopologicalSorter({name: app.depends_on for name, app in apps.items()}).prepare()
    except CycleError as error:
        way = error.args[1][::-1]  # from an app to what it uses, and so on
        message = (
            f"the app depends on itself: {' → '.join(way)}. Remove one of these from depends_on."
        )
        yield _at(apps[way[0]], "depends_on", project, "dependencies_have_no_cycle", message)
