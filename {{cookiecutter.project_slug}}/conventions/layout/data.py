"""What is remembered, and what hangs together."""

import ast
from collections.abc import Iterator

from conventions.layout.engine import Finding, rule
from conventions.layout.source import Module, Project

RELATIONS = {"ForeignKey", "OneToOneField", "ManyToManyField"}


@rule
def caches_are_declared(project: Project) -> Iterator[Finding]:
    """Django's cache is used through `@cached_read` in caches.py, and nowhere else."""
    for module in project.modules:
        for node, _, dotted in module.imports:
            if dotted.startswith("django.core.cache") or dotted in {
                "functools.cache",
                "functools.lru_cache",
                "django.views.decorators.cache.cache_page",
            }:
                yield (
                    module.at(node),
                    f"{dotted} remembers things nobody can forget. Declare a cached_read in"
                    f" apps/{module.app}/caches.py.",
                )
        for definition in module.definitions:
            for decorator in definition.decorator_list:
                if module.meaning(decorator) in {"functools.cache", "functools.lru_cache"}:
                    yield (
                        module.at(definition),
                        (
                            f"{definition.name} remembers things nobody can forget. Declare a"
                            f" cached_read in apps/{module.app}/caches.py."
                        ),
                    )
        if module.layer != "caches":
            for call in _declarations(module):
                yield module.at(call), f"move it to apps/{module.app}/caches.py."


@rule
def caches_state_their_bottleneck(project: Project) -> Iterator[Finding]:
    """A cache says which measured bottleneck it solves, and names the services that forget it."""
    for module in project.modules:
        for call in _declarations(module):
            words = {word.arg: word.value for word in call.keywords}
            reason = words.get("bottleneck")
            if isinstance(reason, ast.Constant) and not str(reason.value).strip():
                yield module.at(call), "bottleneck is empty. Say what was measured."
            if "bottleneck" not in words:
                yield module.at(call), "has no bottleneck. Say what was measured."
            for node, dotted in _forgetters(words.get("invalidated_by"), module=module):
                if dotted not in project.functions:
                    yield module.at(node), f"there is no {dotted}. Name the service that forgets."


def _declarations(module: Module) -> list[ast.Call]:
    return [call for call, called in module.calls if called == "conventions.caching.cached_read"]


def _forgetters(value: ast.expr | None, *, module: Module) -> Iterator[tuple[ast.AST, str]]:
    """(node, dotted name) of each entry, also where the tuple is a constant of the module."""
    if isinstance(value, ast.Name):
        for statement in module.tree.body:
            if isinstance(statement, ast.Assign) and any(
                isinstance(target, ast.Name) and target.id == value.id
                for target in statement.targets
            ):
                yield from _forgetters(statement.value, module=module)
    elif value is not None:
        for node in ast.walk(value):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node, node.value


@rule
def foreign_keys_across_apps_are_guarded(project: Project) -> Iterator[Finding]:
    """A relation to another app is a string, leaves no trace there, and never deletes along.

    `models.ForeignKey("catalog.Session", on_delete=models.PROTECT, related_name="+")`.
    """
    depends_on = {app.name: app.depends_on for app in project.apps}
    for module in project.modules:
        if module.layer != "models":
            continue
        for call, called in module.calls:
            if called.rpartition(".")[2] not in RELATIONS:
                continue
            words = {word.arg: word.value for word in call.keywords}
            words |= dict(zip(("to", "on_delete"), call.args, strict=False))
            other = _target_app(words["to"], module=module) if "to" in words else module.app
            if other == module.app or other not in project.app_names:
                continue
            related = words.get("related_name")
            if not isinstance(words["to"], ast.Constant):
                yield module.at(call), f'name the model as a string: "{other}.…".'
            if not (isinstance(related, ast.Constant) and related.value == "+"):
                yield module.at(call), f'write related_name="+": {other} must not know of us.'
            if "on_delete" in words and not module.meaning(words["on_delete"]).endswith("PROTECT"):
                yield module.at(call), f"write on_delete=models.PROTECT: {other} decides, not us."
            if other not in depends_on[module.app]:
                yield (
                    module.at(call),
                    f"add {other!r} to depends_on in apps/{module.app}/OWNERS.toml.",
                )


def _target_app(node: ast.expr, *, module: Module) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value).rpartition(".")[0]
    parts = module.meaning(node).split(".")
    return parts[1] if parts[0] == "apps" and len(parts) > 2 else module.app
