"""Apply the table of imports. Each import statement is reported once."""

from collections.abc import Iterator

from trellis.checks.imports import Import, Use
from trellis.checks.layers import RANK
from trellis.checks.project import Module, Project
from trellis.checks.rules import Finding
from trellis.checks.table import (
    CONFIG_MAY_IMPORT,
    CURE_OF_ABOVE,
    CURE_OF_INSIDE,
    CURE_OF_OTHER_INSIDES,
    DOORS_APART,
    OWN_MODELS,
    TABLE,
    Row,
    is_error,
    prefixes,
    rows_of,
)

ASK_USER_MODEL = "django.contrib.auth.get_user_model"
OF_AN_ENUM = ("choices", "labels", "names", "values")

Broken = tuple[str, str]  # rule, message


def check(project: Project) -> Iterator[Finding]:
    """Yield a finding for each import statement that breaks a rule."""
    for module in (*project.modules, *project.config):
        look = _in_config if not module.app else _in_app
        for line, uses in _statements(module).items():
            if found := next(look(uses, module, project), None):
                yield Finding(module.path, line, *found)


def _statements(module: Module) -> dict[int, list[Use]]:
    """Return the uses of each import statement by its line. What nobody uses is a use, too."""
    uses: dict[Import, list[Use]] = {one: [] for one in module.names.imports}
    for use in module.names.uses:
        if use.origin:
            uses[use.origin].append(use)
    statements: dict[int, list[Use]] = {}
    for one, found in uses.items():
        unused = Use(one.dotted, one.line, one, "", "", False, False, False)
        statements.setdefault(one.line, []).extend(found or [unused])
    return statements


def _in_config(uses: list[Use], module: Module, project: Project) -> Iterator[Broken]:
    for use in uses:
        head, app, layer = [*use.dotted.split("."), "", ""][:3]
        if head == "apps" and project.app(app) and layer and layer not in CONFIG_MAY_IMPORT:
            message = f"config imports {layer} of {app}."
            cure = f"Add it to apps/{app}/urls.py or apps/{app}/api.py and include that."
            yield "config_reaches_doors_only", f"{message} {cure}"


def _in_app(uses: list[Use], module: Module, project: Project) -> Iterator[Broken]:
    """Yield what is wrong with the uses of one import statement, the most important first."""
    named = [(_dotted(use, project), use) for use in uses]
    for dotted, _ in named:
        if dotted.startswith("apps."):
            yield from _between_apps_and_layers(dotted, module, project)
    rows = rows_of(layer=module.layer, group=module.group)
    own_models = f"apps.{module.app}.models"
    broken: dict[Row, list[tuple[str, Use]]] = {}
    for dotted, use in named:
        for name in prefixes(dotted):
            for row in rows.get(OWN_MODELS if name == own_models else name, ()):
                if _is_meant(dotted, use, row):
                    broken.setdefault(row, []).append((dotted, use))
    for row in sorted(broken, key=TABLE.index):
        yield row.rule, _message(row, broken[row], module)


def _dotted(use: Use, project: Project) -> str:
    is_user = project.user_model and use.dotted.startswith(ASK_USER_MODEL)
    return project.user_model if is_user else use.dotted


def _is_meant(dotted: str, use: Use, row: Row) -> bool:
    parts = dotted.split(".")
    if row.in_functions and (not use.function or _only_names(parts)):
        return False
    if not row.errors and is_error(dotted):
        return False
    return not any(f"{dotted}.".startswith(f"{name}.") for name in row.but_not)


def _only_names(parts: list[str]) -> bool:
    """Whether it is a constant, an enum or an error of a model, as in `Booking.Status.HELD`."""
    if "models" not in parts or parts[:2] == ["django", "db"]:
        return False
    name, member = [*parts[parts.index("models") + 1 :], "", ""][:2]
    return name.isupper() or member[:1].isupper() or member in (*OF_AN_ENUM, "_meta")


def _message(row: Row, found: list[tuple[str, Use]], module: Module) -> str:
    who = module.layer
    if row.in_functions:
        first, *more = dict.fromkeys(use.function for _, use in found)
        who = f"{first} (and {len(more)} more)" if more else first
    what = found[0][0].removeprefix(f"apps.{module.app}.")
    return f"{who} uses {what}. {row.cure.format(app=module.app)}"


def _between_apps_and_layers(dotted: str, module: Module, project: Project) -> Iterator[Broken]:
    _, name, layer = [*dotted.split("."), ""][:3]
    if not project.app(name):
        return
    group = project.settings.group_of(layer)
    is_above = group and module.group and RANK[group] > RANK[module.group]
    cure = CURE_OF_ABOVE.get(layer, CURE_OF_ABOVE.get(group, "")).format(layer=module.layer)
    imports = f"{module.layer} imports {layer}"
    if name != module.app:
        app = project.app(module.app)
        may_use = app is None or app.may_use(name)
        if project.depends(name, on=module.app):
            declare = (
                f"{name} depends on {module.app}: move this to {name}, or to an app above both"
            )
        else:
            declare = f'Add "{name}" to depends_on in apps/{module.app}/OWNERS.toml'
        if layer and not project.settings.is_front_door(layer):
            other = CURE_OF_INSIDE.get(layer, CURE_OF_INSIDE.get(group, CURE_OF_OTHER_INSIDES))
            message = f"{imports} of {name}. {other.format(other=name)}"
            yield "other_apps_by_services", message if may_use else f"{message} {declare}."
        elif not may_use:
            message = f"{module.app} uses {name}. {declare}, or do without it."
            yield "dependencies_are_declared", message
        elif is_above:
            yield "layers_point_down", f"{imports} of {name}, which is above it. {cure}"
    elif layer == "tests":
        yield "layers_point_down", f"{imports}. Move what it needs into a layer."
    elif is_above:
        yield "layers_point_down", f"{imports}, which is above it. {cure}"
    elif layer != module.layer and {layer, module.layer} <= DOORS_APART and module.layer != "admin":
        yield "layers_point_down", f"{imports}, which is beside it. {cure}"
