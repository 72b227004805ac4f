"""Where data flows."""

import ast
from collections.abc import Iterator
from contextlib import suppress

from trellis.checks.layout.engine import Finding, once, rule
from trellis.checks.layout.source import DOORS, Function, Module, Project, is_docstring

# What brings data to a service or takes it from a selector, and so neither queries nor writes.
ASKING = (*DOORS, "urls", "forms", "tasks", "apps")
MANAGERS = {"objects", "_default_manager", "_base_manager", "default_manager", "base_manager"}
SHORTCUTS = {
    *(f"django.shortcuts.{a}get_{n}_or_404" for a in ("", "a") for n in ("object", "list")),
    "django.db.connection.cursor",
    "django.db.connections.cursor",
}
QUERYSETS = {"django.db.models.QuerySet", "django.db.models.query.QuerySet"}
NO_ROWS = ("Choices", "Enum", "NamedTuple", "TypedDict")  # what else models.py may hold
PROMISES = {"trellis.reads.promised", "trellis.reads.page"}
CHAIN = {*MANAGERS, "filter", "exclude", "all", "get_queryset"}
SAVES = {"save", "asave", "delete", "adelete", "save_base"}
WRITES = {
    "create",
    "acreate",
    "update",
    "aupdate",
}  # of a manager or a queryset; a dict has one, too
SURE_WRITES = {"select_for_update"} | {
    f"{a}{name}"
    for a in ("", "a")
    for name in ("bulk_create", "bulk_update", "get_or_create", "update_or_create")
}
EDITORS = {
    f"django.views.generic.{place}{name}View"
    for place in ("", "edit.")
    for name in ("Create", "Update", "Delete")
}
HTTP = (
    "django.http.",
    "django.shortcuts.",
    "django.views.",
    "django.contrib.messages.",
    "django.template.response.",
    "ninja.",
    "trellis.web.",
    "trellis.web.health.",
)
NETWORK = (
    "requests.",
    "httpx.",
    "urllib.request.",
    "urllib3.",
    "aiohttp.",
    "http.client.",
    "smtplib.",
    "ftplib.",
    "socket.",
    "boto3.",
    "grpc.",
    "django.core.mail.",
)
CLOCKS = {
    "django.utils.timezone.now",
    *(f"datetime.datetime.{name}" for name in ("now", "today", "utcnow")),
    "datetime.date.today",
    "django.db.models.functions.Now",
    "time.time",
    "time.time_ns",
}
CLOCKS_WITHOUT_AN_ARGUMENT = {f"django.utils.timezone.local{what}" for what in ("date", "time")}
THICKEST_DOOR = 12  # statements; the longest of the example has 6


def _asking(project: Project) -> Iterator[Module]:
    """The modules above services, but for those of apps that live by ModelAdmin and forms."""
    for app in project.apps:
        if not app.is_crud:
            yield from (module for module in app.modules if module.layer in ASKING)


def _layers(project: Project, *layers: str) -> Iterator[Module]:
    yield from (module for module in project.modules if module.layer in layers)


@rule
def doors_do_not_query(project: Project) -> Iterator[Finding]:
    """Views, APIs, admin, commands, forms and tasks read through selectors: one place a read.

    Django's own words are theirs: the `queryset` of a generic view, of a ModelAdmin or of a form's
    field, written in the class, and `super().get_queryset()`, also filtered further. An app of
    profile "crud" may query in its doors.

    Cannot see: a queryset or a related manager that a door was handed, as in `user.groups.all()`.
    """
    managers = _named_managers(project)
    for module in _asking(project):
        own = _querysets_of_classes(module)
        for node, name in module.attributes:
            if name in MANAGERS or name in managers:
                dotted = module.meaning(node)
                if node not in own and (
                    name in MANAGERS or dotted.split(".")[-2] in managers[name]
                ):
                    yield _query(dotted.rpartition("apps.")[2], node=node, module=module)
        for call, called in module.calls:
            if called in SHORTCUTS or called in QUERYSETS:
                yield _query(called.rpartition("django.")[2], node=call, module=module)


def _query(what: str, *, node: ast.AST, module: Module) -> Finding:
    cure = f"Add a selector to apps/{module.app}/selectors.py and call it."
    return module.at(node), f"{what} is asked here. {cure}"


def _named_managers(project: Project) -> dict[str, set[str]]:
    """Which models have a manager of this name, where it is not `objects`."""
    found: dict[str, set[str]] = {}
    for module in _layers(project, "models"):
        for model in module.of(ast.ClassDef):
            for statement in model.body:
                value = getattr(statement, "value", None)
                if isinstance(value, ast.Call):
                    made_by = module.meaning(value.func)
                    if made_by.endswith(("Manager", ".as_manager", ".from_queryset")):
                        for name in _targets(statement):
                            found.setdefault(name, set()).add(model.name)
    return found


def _targets(statement: ast.stmt) -> list[str]:
    """The names that an assignment sets."""
    targets = getattr(statement, "targets", [getattr(statement, "target", None)])
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _querysets_of_classes(module: Module) -> set[ast.AST]:
    """The nodes of `queryset = …` and `field = Field(queryset=…)` in the body of a class."""
    own: list[ast.AST] = []
    for body in module.of(ast.ClassDef):
        for statement in body.body if body.bases else ():
            if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value:
                if "queryset" in _targets(statement):
                    own.append(statement.value)
                elif isinstance(statement.value, ast.Call):
                    own += [one.value for one in statement.value.keywords if one.arg == "queryset"]
    return {node for one in own for node in ast.walk(one)}


@rule
def doors_do_not_write(project: Project) -> Iterator[Finding]:
    """Views, APIs, admin, commands, forms and tasks change data by calling a service.

    `form.save()` is a write as well, `form.save(commit=False)` is none, and `super().save_model()`
    is Django's. A generic view that edits calls a service in its `form_valid`. An app of profile
    "crud" may write in its doors.

    Cannot see: a write behind a method of your own, or by a related manager (`add`, `set`,
    `create`), and what a ModelAdmin without `save_model` saves by itself.
    """
    for module in _asking(project):
        cure = f"Add a service to apps/{module.app}/services.py and call it"
        for node, name in _writes(module, project):
            yield module.at(node), f".{name}() writes here. {cure}."
        for view in module.of(ast.ClassDef):
            bases = {module.meaning(base) for base in view.bases}
            own = {getattr(statement, "name", "") for statement in view.body}
            if bases & EDITORS and "form_valid" not in own:
                yield module.at(view), f"{view.name} writes by itself. {cure} in form_valid."


@rule
def selectors_only_read(project: Project) -> Iterator[Finding]:
    """A selector changes nothing and locks nothing, and nor does a cache.

    Cannot see: a write behind a method of your own, in raw SQL or by a related manager.
    """
    for module in _layers(project, "selectors", "caches"):
        for node, name in _writes(module, project):
            yield module.at(node), f".{name}() writes. Move it to apps/{module.app}/services.py."


def _writes(module: Module, project: Project) -> Iterator[tuple[ast.AST, str]]:
    """(node, method) of each method that changes or locks rows, called or passed on."""
    used = [found for found in module.attributes if found[1] in SAVES | SURE_WRITES | WRITES]
    if not used:
        return
    imported = {dotted for _, _, dotted in module.imports}
    call_of = {call.func: call for call in module.of(ast.Call)}
    decorators = {  # `@router.delete(…)`
        getattr(decorator, "func", decorator)
        for decorated in (*module.definitions, *module.of(ast.ClassDef))
        for decorator in decorated.decorator_list
    }
    rows = _rows(module)
    for node, name in used:
        if node in decorators:
            continue
        receiver = module.meaning(node).rpartition(".")[0]
        parts = receiver.split(".")
        if name in WRITES:
            if CHAIN.isdisjoint(parts) and (module.around(node), parts[0]) not in rows:
                continue
        elif (
            (receiver in imported and parts[-1].islower())  # `services.save(…)`, a module's own
            or parts[0] == "super"
            or receiver in ("self", "cls")  # a door's own method
            or receiver.endswith("request.session")
            or _is_uncommitted(call_of.get(node))
            or (name == "save" and _is_of_a_file(call_of.get(node), receiver, project))
        ):
            continue
        yield node, name


def _is_uncommitted(call: ast.Call | None) -> bool:
    """Whether it is `form.save(commit=False)`."""
    return call is not None and any(
        word.arg == "commit" and isinstance(word.value, ast.Constant) and not word.value.value
        for word in call.keywords
    )


def _is_of_a_file(call: ast.Call | None, receiver: str, project: Project) -> bool:
    """Whether it is `book.save(path)`: a row takes no positions, but for `Booking.save(row)`."""
    return call is not None and bool(call.args) and project.origin(receiver) not in _models(project)


def _rows(module: Module) -> set[tuple[Function | None, str]]:
    """(function, name) of each name that is a queryset in it."""
    found: set[tuple[Function | None, str]] = set()
    for function in module.definitions:
        for one in _arguments(function):
            is_one = one.annotation and module.meaning(one.annotation) in QUERYSETS
            if is_one or one.arg == "queryset":
                found.add((function, one.arg))
    for node in module.of(ast.Assign):
        if not CHAIN.isdisjoint(module.meaning(node.value).split(".")):
            found |= {(module.around(node), name) for name in _targets(node)}
    return found


@rule
def doors_stay_thin(project: Project) -> Iterator[Finding]:
    """A door understands the request, makes one call, and speaks its protocol: 12 statements.

    Cannot see: one long expression, or a flow that is cut into many small functions.
    """
    for module in _layers(project, *DOORS):
        for node in module.definitions:
            statements = _statements(node)
            if statements > THICKEST_DOOR:
                yield (
                    module.at(node),
                    f"{node.name} has {statements} statements, {THICKEST_DOOR} are the most."
                    f" Move what it decides into apps/{module.app}/services.py.",
                )


def _statements(node: ast.AST) -> int:
    """Count the statements inside one, at any depth, but for docstrings."""
    inside: list[ast.AST] = [node]
    for outer in inside:  # no recursion: a chain of `elif` may be longer than Python's stack
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            found = getattr(outer, block, ())
            inside += found if isinstance(found, list) else ()
    return sum(isinstance(one, ast.stmt) and not is_docstring([one]) for one in inside) - 1


@rule
def selectors_declare_a_budget(project: Project) -> Iterator[Finding]:
    """A public selector says how many queries it takes: `@selector(queries=1)`.

    Cannot see: whether it keeps to it. `assert_constant_queries` in its test does.
    """
    for module in _layers(project, "selectors"):
        for function in module.public_functions:
            if not any(
                isinstance(decorator, ast.Call)
                and module.meaning(decorator) == "trellis.reads.selector"
                and any(word.arg == "queries" for word in decorator.keywords)
                for decorator in function.decorator_list
            ):
                yield (
                    module.at(function),
                    f"{function.name} has no budget. Write @selector(queries=…) above it, or an"
                    " underscore before its name.",
                )


@rule
def selectors_promise_their_rows(project: Project) -> Iterator[Finding]:
    """Rows leave a selector through `promised(...)` or `page(...)`, and so load nothing later.

    Dataclasses, ids, numbers and dicts leave as they are. What calls a function of its own app that
    promises has promised, too.

    Cannot see: which of the rows were promised, a method, a manager that promises by itself, an
    annotation that hides what it is (`Any`, a `type` statement), a row inside a dataclass, and
    models of other packages.
    """
    for module in _layers(project, "selectors"):
        for function in module.public_functions:
            rows = _models(project).intersection(_named(function.returns, project, module=module))
            if rows and not _promises(function, project, module=module):
                yield (
                    module.at(function),
                    f"{function.name} returns rows ({min(rows).rpartition('.')[2]}) that load more"
                    " behind its back. Return them through promised(…) or page(…), or as"
                    " dataclasses.",
                )


@once
def _models(project: Project) -> set[str]:
    """The dotted names of all that stands for rows in an annotation."""
    return QUERYSETS | {
        f"{module.dotted}.{one.name}"
        for module in _layers(project, "models")
        for one in module.of(ast.ClassDef)
        if one.bases and not any(module.meaning(b).endswith(NO_ROWS) for b in one.bases)
    }


def _named(annotation: ast.expr | None, project: Project, *, module: Module) -> Iterator[str]:
    """Where each name in an annotation comes from, also in a string or by an alias of the file."""
    nodes: list[ast.AST] = [annotation] if annotation else []
    for node in nodes:
        if isinstance(node, ast.Name | ast.Attribute):
            yield project.origin(module.meaning(node))
            alias = module.value(node)
            nodes += [alias] if alias and alias not in nodes else []
        elif isinstance(node, ast.Constant):
            with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
                nodes.append(ast.parse(module.text(node), mode="eval").body)
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
            values = module.meaning(node.value) in QUERYSETS  # QuerySet[Invoice, dict[str, Any]]
            nodes += node.slice.elts[-1:] if values else [node.value, *node.slice.elts]
        else:
            nodes += ast.iter_child_nodes(node)


def _promises(function: Function, project: Project, *, module: Module) -> bool:
    """Whether it calls `promised` or `page`, itself or by what it calls of its own app."""
    places = [(module, function)]
    for where, one in places:
        lines = range(one.lineno, (one.end_lineno or 0) + 1)
        for called in [called for call, called in where.calls if call.lineno in lines]:
            if project.origin(called) in PROMISES:
                return True
            further = project.origin(called if "." in called else f"{where.dotted}.{called}")
            place = project.functions.get(further)
            if place and place not in places and place[0].app == module.app:
                places.append(place)
    return False


@rule
def services_take_keywords(project: Project) -> Iterator[Finding]:
    """Public services and selectors are functions that take keywords only: calls read well.

    Cannot see: a function that is made at run time.
    """
    for module in _layers(project, "services", "selectors"):
        for function, first in _public(module):
            positions = [*function.args.posonlyargs, *function.args.args][first:]
            if positions or function.args.vararg:
                yield module.at(function), f"{function.name} takes positions. Begin with `*, `."
        for statement in module.tree.body:
            if isinstance(getattr(statement, "value", None), ast.Lambda):
                for name in _targets(statement):
                    if not name.startswith("_"):
                        yield module.at(statement), f"{name} is a lambda. Write it as a def."


@rule
def services_are_typed(project: Project) -> Iterator[Finding]:
    """Public services and selectors say what goes in and what comes out.

    Cannot see: whether the types are true. mypy does.
    """
    for module in _layers(project, "services", "selectors"):
        for function, first in _public(module):
            bare = [a.arg for a in _arguments(function)[first:] if a.annotation is None]
            if bare or function.returns is None:
                what = ", ".join(bare) or "what it returns"
                yield module.at(function), f"{function.name} has no type for {what}. Add it."


def _public(module: Module) -> Iterator[tuple[Function, int]]:
    """(function, 1 where its first argument is `self`): also the methods of a class of services."""
    yield from ((function, 0) for function in module.public_functions)
    for statement in module.tree.body:
        if isinstance(statement, ast.ClassDef) and not statement.bases:
            for method in statement.body:
                if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef):
                    static = any(module.meaning(d) == "staticmethod" for d in method.decorator_list)
                    if not method.name.startswith("_"):
                        yield method, 0 if static else 1


def _arguments(function: Function) -> list[ast.arg]:
    arguments = function.args
    others = [a for a in (arguments.vararg, arguments.kwarg) if a]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *others]


@rule
def no_http_below_the_doors(project: Project) -> Iterator[Finding]:
    """Services, selectors, tasks, caches, models and the words for them know nothing of HTTP.

    Raise an error of the business; conventions/http.py turns it into a status code. What a
    service needs of a request comes in as plain arguments.

    Cannot see: a request that is passed on without its type.
    """
    below = ("services", "tasks", "selectors", "caches", "models", "types", "exceptions")
    for module in _layers(project, *below):
        for node, _, dotted in module.imports:
            if f"{dotted}.".startswith(HTTP):
                yield (
                    module.at(node),
                    f"{dotted} is HTTP. Raise one of trellis.errors and let the door answer.",
                )


@rule
def no_business_signals(project: Project) -> Iterator[Finding]:
    """No flow hangs on Django's signals: whoever reads a service sees everything it does.

    Cannot see: signals of other packages than Django, which may be their only way to be used.
    """
    for module in project.modules:
        for node, _, dotted in module.imports:
            if _is_signal(dotted):
                yield module.at(node), f"{dotted} hides what happens. Call it in the service."
        for attribute, name in module.attributes:
            if name == "signals" and _is_signal(module.meaning(attribute)):
                yield module.at(attribute), "a signal hides what happens. Call it in the service."


def _is_signal(dotted: str) -> bool:
    return dotted.startswith("django.") and (
        ".signals." in f"{dotted}." or dotted.startswith("django.dispatch")
    )


@rule
def no_network_in_a_transaction(project: Project) -> Iterator[Finding]:
    """Nothing talks to the outside world while a transaction holds its locks.

    A service that calls one that talks, talks. What is handed to `transaction.on_commit` as a
    lambda runs later.

    Cannot see: a transaction that was opened around the call in another function, a package that
    is not known to talk, and a call of a method.
    """
    for module, call, called in _talking(project):
        if _is_in_atomic(call, module=module):
            yield (
                module.at(call),
                f"{called.removeprefix(f'apps.{module.app}.')} is the outside world."
                " Call it after the transaction, from a task.",
            )


def _talking(project: Project) -> list[tuple[Module, ast.Call, str]]:
    """(module, call, what) of all that talks to the outside, by itself or by what it calls."""
    found: list[tuple[Module, ast.Call, str]] = []
    calls_of: dict[str, list[tuple[Module, ast.Call, str]]] = {}
    for module in project.modules:
        outside = (*NETWORK, f"apps.{module.app}.clients.")
        later = {node for one in module.of(ast.Lambda) for node in ast.walk(one)}
        for call, called in module.calls:
            if call in later:
                continue
            if called.startswith(outside):
                found.append((module, call, called))
            elif "." not in called:
                own = f"{module.dotted}.{called}"
                calls_of.setdefault(own, []).append((module, call, called))
            elif called.startswith("apps."):
                calls_of.setdefault(called, []).append((module, call, called))
    for module, call, _ in found:  # which grows as we go
        if function := module.around(call):
            found += calls_of.pop(f"{module.dotted}.{function.name}", [])
            found += calls_of.pop(f"apps.{module.app}.{module.layer}.{function.name}", [])
    return found


def _is_in_atomic(call: ast.Call, *, module: Module) -> bool:
    function = module.around(call)
    if function and any(_is_atomic(one, module=module) for one in function.decorator_list):
        return True
    return any(
        _is_atomic(item.context_expr, module=module)
        and block.lineno <= call.lineno <= (block.end_lineno or 0)
        and module.around(block) is function
        for block in module.of(ast.With)
        for item in block.items
    )


def _is_atomic(node: ast.expr, *, module: Module) -> bool:
    return module.meaning(node) == "django.db.transaction.atomic"


@rule
def clock_comes_in_as_an_argument(project: Project) -> Iterator[Finding]:
    """Services and selectors are told what time it is, so that tests and replays can tell, too.

    Cannot see: `auto_now` and defaults of a model, or a clock in a function of your own.
    """
    names = {clock.rpartition(".")[2] for clock in CLOCKS}
    for module in _layers(project, "services", "selectors"):
        used = [(node, module.meaning(node)) for node, name in module.attributes if name in names]
        for node, dotted in (*used, *module.calls):
            bare = isinstance(node, ast.Call) and not node.args and not node.keywords
            if dotted in CLOCKS or (bare and dotted in CLOCKS_WITHOUT_AN_ARGUMENT):
                yield module.at(node), f"{dotted}() is a hidden clock. Take `at` as an argument."
