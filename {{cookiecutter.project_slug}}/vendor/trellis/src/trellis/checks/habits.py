"""Rules about a few habits that a short look at the syntax sees well."""

import re
from collections.abc import Iterator

from trellis.checks.imports import Block
from trellis.checks.project import App, Module, Project, text_of
from trellis.checks.rules import Finding
from trellis.checks.table import is_network

ATOMIC = "django.db.transaction.atomic"
SHARED_TASK = ("celery.shared_task", "celery.app.shared_task")
CANVAS = ("celery.chain", "celery.chord", "celery.group")
CLOCKS = ("now", "today", "utcnow")
OTHER_CLOCKS = ("time.time", "time.time_ns", "django.db.models.functions.Now")
CLOCKS_WITHOUT_ARGUMENT = ("django.utils.timezone.localdate", "django.utils.timezone.localtime")
THIN = ("views", "api", "admin", "management", "consumers")
MOST_STATEMENTS = 15
# A link, a template of another app, and a library of template tags.
USES_OTHERS = re.compile(
    r"""\{%\s*(?:url\s+["'](?P<url>[\w-]+):|(?:include|extends)\s+["'](?P<folder>[\w-]+)/"""
    r"""|load\s(?P<tags>[^%]+))"""
)


def check(project: Project) -> Iterator[Finding]:
    """Yield every finding about habits."""
    talking = _what_talks([*project.modules])
    for module in project.modules:
        yield from _tasks_start_after_commit(module)
        yield from _tasks_are_shallow(module)
        yield from _no_client_in_a_transaction(module, talking)
        if module.layer in ("services", "selectors"):
            yield from _clock_is_an_argument(module)
        elif module.layer in THIN:
            yield from _doors_stay_thin(module)
    yield from _templates_use_declared_apps(project)


def _tasks_start_after_commit(module: Module) -> Iterator[Finding]:
    for use in module.names.uses:
        owner, _, method = use.dotted.rpartition(".")
        task = owner.rpartition(".")[2]
        if not use.called or use.later:
            continue  # a lambda or an inner function is for `transaction.on_commit`
        if method in ("delay", "apply_async") and ".tasks." in owner:
            message = f"{task}.{method} does not wait for the commit."
            cure = f"Use {task}.delay_on_commit(…)."
        elif method == "send_task" and owner:
            message = "send_task does not wait for the commit."
            cure = "Import the task and use its delay_on_commit(…)."
        elif use.dotted in CANVAS:
            message = f"{use.dotted} does not wait for the commit."
            cure = "Let the service of each step publish the next one with delay_on_commit(…)."
        else:
            continue
        yield Finding(module.path, use.line, "tasks_start_after_commit", f"{message} {cure}")


def _tasks_are_shallow(module: Module) -> Iterator[Finding]:
    for one in module.names.blocks:
        if is_task(one) and not one.is_one_call:
            message = f"{one.name} does more than one call."
            cure = f"Move its logic to apps/{module.app}/services.py and call that."
            yield Finding(module.path, one.line, "tasks_are_shallow", f"{message} {cure}")


def is_task(block: Block) -> bool:
    """Whether it is a function that a decorator makes a task."""
    return any(name in SHARED_TASK or name.endswith(".app.task") for name in block.under)


def _what_talks(modules: list[Module]) -> set[str]:
    """Return the functions, and classes of clients, that use the network or call one that does."""
    talking: set[str] = set()
    callers: dict[str, list[str]] = {}
    for module in modules:
        # To make an object does not use the network, but for a client that is a class.
        classes = module.names.classes if module.layer != "clients" else ()
        for use in module.names.uses:
            if not use.top or use.later or use.top in classes:
                continue
            user = f"{module.dotted}.{use.top}"
            if is_network(use.dotted):
                talking.add(user)
            elif use.called and use.dotted.startswith("apps."):
                callers.setdefault(use.dotted, []).append(user)
    waiting = [*talking]
    while waiting:
        name = waiting.pop()
        first, app, layer, *rest = name.split(".")
        short = f"{first}.{app}.{layer}.{rest[-1]}"  # as the layer's package may re-export it
        for user in (*callers.pop(name, ()), *callers.pop(short, ())):
            waiting.append(user)
            talking.add(user)
        talking.add(short)
    return talking


def _no_client_in_a_transaction(module: Module, talking: set[str]) -> Iterator[Finding]:
    blocks = [one for one in module.names.blocks if ATOMIC in one.under]
    for use in module.names.uses if blocks else ():
        inside = any(use.line in one.lines and use.function == one.name for one in blocks)
        if inside and use.called and (use.dotted in talking or is_network(use.dotted)):
            what = use.dotted.removeprefix(f"apps.{module.app}.")
            message = f"{what} uses the network while the transaction is open."
            cure = "Call it after the transaction, from a task."
            yield Finding(module.path, use.line, "no_client_in_a_transaction", f"{message} {cure}")


def _clock_is_an_argument(module: Module) -> Iterator[Finding]:
    for use in module.names.uses:
        if not use.origin or use.dotted.startswith("apps."):
            continue
        if (
            use.dotted.endswith(tuple(f".{clock}" for clock in CLOCKS))
            or use.dotted in OTHER_CLOCKS
            or (use.bare and use.dotted in CLOCKS_WITHOUT_ARGUMENT)
        ):
            message = f"{use.dotted} is a hidden clock. Take `at` as an argument."
            yield Finding(module.path, use.line, "clock_is_an_argument", message)


def _doors_stay_thin(module: Module) -> Iterator[Finding]:
    for one in module.names.blocks:
        if one.statements > MOST_STATEMENTS:
            message = f"{one.name} has {one.statements} statements, {MOST_STATEMENTS} are the most."
            cure = f"Move what it decides to apps/{module.app}/services.py."
            yield Finding(module.path, one.line, "doors_stay_thin", f"{message} {cure}")


def _owners_of_names(project: Project) -> dict[tuple[str, str], str]:
    """Return which app a name in a template belongs to, by the kind of name."""
    owners = {}
    for app in project.apps:
        owners["url", app.namespace] = owners["folder", app.name] = app.name
        for module in app.modules:
            if module.layer == "templatetags":
                owners["tags", module.dotted.rpartition(".")[2]] = app.name
    return owners


def uses_in_templates(project: Project) -> Iterator[tuple[App, str, str, int]]:
    """Yield (app, other app, path, line) for each name of another app in a template."""
    owners = _owners_of_names(project)
    for app in project.apps:
        for path in app.files:
            if not path.startswith(f"apps/{app.name}/templates/"):
                continue
            text = text_of(project.root / path)
            for found in USES_OTHERS.finditer(text):
                kind = found.lastgroup or ""
                for name in found[kind].split():
                    other = owners.get((kind, name), app.name)
                    if other != app.name:
                        yield app, other, path, text.count("\n", 0, found.start()) + 1


def _templates_use_declared_apps(project: Project) -> Iterator[Finding]:
    for app, other, path, line in uses_in_templates(project):
        if not app.may_use(other):
            message = f"uses {other}, on which {app.name} does not depend."
            cure = f'Add "{other}" to depends_on in apps/{app.name}/OWNERS.toml, or move'
            end = "this to a template of an app that depends on both."
            yield Finding(path, line, "templates_use_declared_apps", f"{message} {cure} {end}")
