"""What is remembered, and what hangs together."""

import ast
from collections.abc import Iterator

from trellis.checks.layout.engine import Finding, rule
from trellis.checks.layout.source import Module, Project

RELATIONS = {"ForeignKey", "OneToOneField", "ManyToManyField"}
REMEMBER = {"functools.cache", "functools.lru_cache", "django.views.decorators.cache.cache_page"}
NAMES = {dotted.rpartition(".")[2] for dotted in REMEMBER}
STORES = ("redis.", "django_redis.", "cachetools.", "diskcache.", "pymemcache.")
DECLARE = {
    f"trellis.caching.{name}"
    for name in ("cached_read", "CachedRead", "reads.cached_read", "reads.CachedRead")
}
USER_MODEL = "django.conf.settings.AUTH_USER_MODEL"


@rule
def caches_are_declared(project: Project) -> Iterator[Finding]:
    """Django's cache is used through `@cached_read` in caches.py, and nowhere else.

    `functools.cached_property` is fine: it goes with its object. A client may talk to a Redis.

    Cannot see: a dict at the top of a module, or a `cache` tag in a template.
    """
    for module in project.modules:
        cure = f"Declare a cached_read in apps/{module.app}/caches.py."
        stores = ("django.core.cache.", *(STORES if module.layer != "clients" else ()))
        for node, _, dotted in module.imports:
            if dotted in REMEMBER or f"{dotted}.".startswith(stores):
                yield module.at(node), f"{dotted} remembers things nobody can forget. {cure}"
        for attribute, name in module.attributes:
            if name in NAMES and (dotted := module.meaning(attribute)) in REMEMBER:
                yield module.at(attribute), f"{dotted} remembers things nobody can forget. {cure}"
        if module.layer != "caches":
            for call in _declarations(module):
                yield module.at(call), f"move it to apps/{module.app}/caches.py."


@rule
def caches_state_their_bottleneck(project: Project) -> Iterator[Finding]:
    """A cache says which measured bottleneck it solves, and names the services that forget it.

    Cannot see: whether it was measured, and a write that nobody named.
    """
    for module in project.modules:
        for call in _declarations(module):
            words = {word.arg: word.value for word in call.keywords}
            if "bottleneck" not in words:
                yield module.at(call), "has no bottleneck. Say what was measured."
            elif isinstance(module.value(words["bottleneck"]), ast.Constant) and (
                not module.text(words["bottleneck"]).strip(" .…?-")
            ):
                yield module.at(call), "bottleneck is empty. Say what was measured."
            for node, dotted in _forgetters(words.get("invalidated_by"), module=module):
                if dotted not in project.functions and not _is_unreadable(dotted, project):
                    yield module.at(node), f"there is no {dotted}. Name the service that forgets."


@rule
def caches_are_forgotten(project: Project) -> Iterator[Finding]:
    """A service that a cache names in `invalidated_by` forgets it, itself or by what it calls.

    Cannot see: whether it forgets the right key, and a cache that it reaches by a method.
    """
    mentions: dict[str, set[str]] = {}
    for module in project.modules:
        for function in module.functions if module.layer == "caches" else ():
            for decorator in function.decorator_list:
                if isinstance(decorator, ast.Call) and module.meaning(decorator) in DECLARE:
                    words = {word.arg: word.value for word in decorator.keywords}
                    for _, dotted in _forgetters(words.get("invalidated_by"), module=module):
                        if dotted in project.functions and dotted not in mentions:
                            mentions[dotted] = _mentions(dotted, project=project)
                        cache = f"{module.app}.caches.{function.name}"
                        if cache not in mentions.get(dotted, {cache}):
                            called = f"caches.{function.name}.invalidate(…)"
                            yield (
                                module.at(function),
                                f"{dotted} never calls {called}. Call it there.",
                            )


def _mentions(dotted: str, *, project: Project) -> set[str]:
    """Every cache, as `<app>.caches.<name>`, that a function names but to read it, or one below."""
    found: set[str] = set()
    names = [dotted]
    for name in names:
        module, function = project.functions[name]
        lines = range(function.lineno, (function.end_lineno or 0) + 1)
        calls = [(call.func, called) for call, called in module.calls if call.lineno in lines]
        used = {node: module.meaning(node) for node, _ in module.attributes if node.lineno in lines}
        for node, called in calls:
            if not called.endswith(".invalidate"):
                used.pop(node, None)  # it is read
            further = called if "." in called else f"{module.dotted}.{called}"
            if further in project.functions and further not in names:
                names.append(further)
        for parts in (meant.split(".") for meant in used.values()):
            if parts[2:3] == ["caches"]:
                found |= {f"{parts[1]}.caches.{part}" for part in parts[3:]}
    return found


def _is_unreadable(dotted: str, project: Project) -> bool:
    """Whether the module of a function could not be read, which is another rule's."""
    module = dotted.rpartition(".")[0].replace(".", "/")
    return any(error.place.path.startswith(module) for error in project.unreadable)


def _declarations(module: Module) -> list[ast.Call]:
    return [call for call, called in module.calls if called in DECLARE]


def _forgetters(value: ast.expr | None, *, module: Module) -> Iterator[tuple[ast.AST, str]]:
    """(node, dotted name) of each entry, also where the tuple is a constant of the module."""
    value = module.value(value)
    for node in ast.walk(value) if value else ():
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node, node.value


@rule
def foreign_keys_across_apps_are_guarded(project: Project) -> Iterator[Finding]:
    """A relation to another app is a string, leaves no trace there, and never deletes along.

    `models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")`. The same
    holds for `settings.AUTH_USER_MODEL`, which is a model of accounts.

    Cannot see: a generic foreign key, a field class of your own, an id that is kept as a number.
    """
    apps = {app.name: app for app in project.apps}
    for module in project.modules:
        for call, called in module.calls:
            if called.rpartition(".")[2] not in RELATIONS:
                continue
            words = {word.arg: word.value for word in call.keywords}
            words |= dict(zip(("to", "on_delete"), call.args, strict=False))
            other = _target_app(words["to"], module=module) if "to" in words else module.app
            if other == module.app or other not in project.app_names:
                continue
            named = module.text(words["to"]) or module.meaning(words["to"]) == USER_MODEL
            if not named:
                yield module.at(call), f'name the model as a string: "{other}.…".'
            if module.text(words.get("related_name")) != "+":
                yield module.at(call), f'write related_name="+": {other} must not know of us.'
            if "on_delete" in words and not module.meaning(words["on_delete"]).endswith(".PROTECT"):
                yield module.at(call), f"write on_delete=models.PROTECT: {other} decides, not us."
            if not apps[module.app].may_use(other):
                yield (
                    module.at(call),
                    f"add {other!r} to depends_on in apps/{module.app}/OWNERS.toml.",
                )


def _target_app(node: ast.expr, *, module: Module) -> str:
    if text := module.text(node):
        return text.rpartition(".")[0]
    if module.meaning(node) == USER_MODEL:
        return "accounts"
    parts = module.meaning(node).split(".")
    return parts[1] if parts[0] == "apps" and len(parts) > 2 else module.app
