"""Where data flows."""

import ast
from collections.abc import Iterator

from conventions.layout.engine import Finding, rule
from conventions.layout.source import DOORS, Function, Module, Project

MANAGERS = {"objects", "_default_manager", "_base_manager"}
SHORTCUTS = {
    "django.shortcuts.get_object_or_404",
    "django.shortcuts.get_list_or_404",
    "django.db.connection.cursor",
}
SAVES = {"save", "asave", "delete", "adelete", "save_base"}
WRITES = {
    *SAVES,
    "create",
    "acreate",
    "update",
    "aupdate",
    "bulk_create",
    "bulk_update",
    "get_or_create",
    "update_or_create",
    "select_for_update",
}
HTTP = ("django.http", "django.shortcuts", "django.views", "ninja", "conventions.http")
NETWORK = (
    "requests",
    "httpx",
    "urllib.request",
    "urllib3",
    "aiohttp",
    "smtplib",
    "socket",
    "django.core.mail",
)
CLOCKS = {
    "django.utils.timezone.now",
    "django.utils.timezone.localdate",
    "django.utils.timezone.localtime",
    "datetime.datetime.now",
    "datetime.datetime.today",
    "datetime.datetime.utcnow",
    "datetime.date.today",
    "time.time",
}
THICKEST_DOOR = 12  # statements; the longest of the example has 6


def _doors(project: Project, *, crud: bool) -> Iterator[Module]:
    for app in project.apps:
        if app.is_crud and not crud:
            continue
        yield from (module for module in app.modules if module.layer in DOORS)


def _layers(project: Project, *layers: str) -> Iterator[Module]:
    yield from (module for module in project.modules if module.layer in layers)


def _queries(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """(node, what) of everything that asks the database through a manager or a shortcut."""
    for node in module.of(ast.Attribute):
        if node.attr in MANAGERS:
            yield node, module.meaning(node).rpartition("apps.")[2] or node.attr
    for call, called in module.calls:
        if called in SHORTCUTS:
            yield call, called.rpartition(".")[2]


@rule
def doors_do_not_query(project: Project) -> Iterator[Finding]:
    """Views, APIs, admin, commands and tasks read through selectors, so each read has one place.

    A generic view's or ModelAdmin's own `queryset` and `super().get_queryset()` are theirs. Does
    not see a queryset that a door was handed and filters further. Apps of profile "crud" are free.
    """
    for module in (*_doors(project, crud=False), *_layers(project, "tasks")):
        own = _class_level_querysets(module)
        for node, what in _queries(module):
            if node not in own:
                yield (
                    module.at(node),
                    f"{what} is asked here. Add a selector to apps/{module.app}/selectors.py"
                    " and call it.",
                )


def _class_level_querysets(module: Module) -> set[ast.AST]:
    """The nodes of `queryset = Model.objects...` in a class: Django's own words for a view."""
    return {
        node
        for body in module.of(ast.ClassDef)
        for statement in body.body
        if isinstance(statement, ast.Assign)
        and any(isinstance(t, ast.Name) and t.id == "queryset" for t in statement.targets)
        for node in ast.walk(statement)
    }


@rule
def doors_do_not_write(project: Project) -> Iterator[Finding]:
    """Views, APIs, admin, commands and tasks change data by calling a service.

    Does not see a write behind a method of your own on a model. Apps of profile "crud" are free.
    """
    for module in (*_doors(project, crud=False), *_layers(project, "tasks")):
        decorators = _decorators(module)
        for call, called in module.calls:
            if isinstance(call.func, ast.Attribute) and call not in decorators:
                through_manager = bool(MANAGERS & set(called.split(".")))
                receiver = called.rpartition(".")[0]
                if receiver in module.names.values() and not through_manager:
                    continue  # `services.save(…)`: something imported, no row
                name = call.func.attr
                if (name in SAVES and not _is_super(call.func.value)) or (
                    name in WRITES and through_manager
                ):
                    yield (
                        module.at(call),
                        f".{name}() writes here. Add a service to"
                        f" apps/{module.app}/services.py and call it.",
                    )


def _decorators(module: Module) -> set[ast.AST]:
    return {
        decorator
        for node in (*module.definitions, *module.of(ast.ClassDef))
        for decorator in node.decorator_list
    }


def _is_super(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == "super"


@rule
def doors_stay_thin(project: Project) -> Iterator[Finding]:
    """A door understands the request, makes one call, and speaks its protocol."""
    for module in _doors(project, crud=True):
        for node in module.definitions:
            statements = _statements(node)
            if statements > THICKEST_DOOR:
                yield (
                    module.at(node),
                    f"{node.name} has {statements} statements, {THICKEST_DOOR} are the most."
                    f" Move what it decides into apps/{module.app}/services.py.",
                )


def _statements(node: ast.AST) -> int:
    """Count the statements inside one, at any depth."""
    inside = [
        inner
        for block in ("body", "orelse", "finalbody", "handlers", "cases")
        for inner in getattr(node, block, [])
        if isinstance(inner, ast.AST)
    ]
    return sum(isinstance(inner, ast.stmt) + _statements(inner) for inner in inside)


@rule
def selectors_only_read(project: Project) -> Iterator[Finding]:
    """A selector changes nothing and locks nothing.

    Does not see a write behind a method of your own.
    """
    for module in _layers(project, "selectors", "caches"):
        for call, called in module.calls:
            if not isinstance(call.func, ast.Attribute):
                continue
            through_manager = MANAGERS & set(called.split("."))
            if call.func.attr in SAVES or (call.func.attr in WRITES and through_manager):
                yield (
                    module.at(call),
                    f".{call.func.attr}() writes. Move it to apps/{module.app}/services.py.",
                )


@rule
def selectors_declare_a_budget(project: Project) -> Iterator[Finding]:
    """A public selector says how many queries it takes: `@selector(queries=1)`."""
    for module in _layers(project, "selectors"):
        for function in module.public_functions:
            meanings = {module.meaning(decorator) for decorator in function.decorator_list}
            if "conventions.querying.selector" not in meanings:
                yield (
                    module.at(function),
                    f"{function.name} has no budget. Write @selector(queries=…) above it, or an"
                    " underscore before its name.",
                )


@rule
def services_take_keywords(project: Project) -> Iterator[Finding]:
    """Public services and selectors take keyword arguments only, so that calls read well."""
    for module in _layers(project, "services", "selectors"):
        for function in module.public_functions:
            if function.args.posonlyargs or function.args.args or function.args.vararg:
                yield module.at(function), f"{function.name} takes positions. Begin with `*, `."


@rule
def services_are_typed(project: Project) -> Iterator[Finding]:
    """Public services and selectors say what goes in and what comes out."""
    for module in _layers(project, "services", "selectors"):
        for function in module.public_functions:
            bare = [a.arg for a in _arguments(function) if a.annotation is None]
            if bare or function.returns is None:
                what = ", ".join(bare) or "what it returns"
                yield module.at(function), f"{function.name} has no type for {what}. Add it."


def _arguments(function: Function) -> list[ast.arg]:
    arguments = function.args
    others = [a for a in (arguments.vararg, arguments.kwarg) if a]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *others]


@rule
def no_http_below_the_doors(project: Project) -> Iterator[Finding]:
    """Services, selectors, tasks, caches and models know nothing of HTTP.

    Raise an error of the business; conventions/http.py turns it into a status code.
    """
    below = ("services", "tasks", "selectors", "caches", "models", "types", "exceptions")
    for module in _layers(project, *below):
        for node, _, dotted in module.imports:
            if any(dotted == name or dotted.startswith(f"{name}.") for name in HTTP):
                yield (
                    module.at(node),
                    f"{dotted} is HTTP. Raise one of conventions.errors and let the door answer.",
                )


@rule
def no_business_signals(project: Project) -> Iterator[Finding]:
    """No flow hangs on Django's signals: whoever reads a service sees everything it does."""
    for module in project.modules:
        for node, _, dotted in module.imports:
            if dotted.startswith(("django.db.models.signals", "django.dispatch")):
                yield module.at(node), f"{dotted} hides what happens. Call it in the service."
        for call, called in module.calls:
            if called.startswith("django.db.models.signals."):
                yield module.at(call), "a signal hides what happens. Call it in the service."


@rule
def no_network_in_a_transaction(project: Project) -> Iterator[Finding]:
    """Nothing talks to the outside world while a transaction holds its locks.

    Does not see a transaction that a caller opened around the service.
    """
    for module in _layers(project, "services"):
        own = f"apps.{module.app}.clients."
        for block in _atomic_blocks(module):
            for node in ast.walk(block):
                if isinstance(node, ast.Call):
                    called = module.meaning(node.func)
                    if called.startswith((own, *(f"{name}." for name in NETWORK))):
                        yield (
                            module.at(node),
                            f"{called.removeprefix(f'apps.{module.app}.')} is the outside world."
                            " Call it after the transaction, from a task.",
                        )


def _atomic_blocks(module: Module) -> Iterator[ast.AST]:
    around: list[tuple[ast.AST, list[ast.expr]]] = [
        *((node, [item.context_expr for item in node.items]) for node in module.of(ast.With)),
        *((node, node.decorator_list) for node in module.definitions),
    ]
    for node, expressions in around:
        if any(module.meaning(one) == "django.db.transaction.atomic" for one in expressions):
            yield node


@rule
def clock_comes_in_as_an_argument(project: Project) -> Iterator[Finding]:
    """Services and selectors are told what time it is, so that tests and replays can tell, too."""
    for module in _layers(project, "services", "selectors"):
        for call, called in module.calls:
            if called in CLOCKS:
                yield module.at(call), f"{called}() is a hidden clock. Take `at` as an argument."
