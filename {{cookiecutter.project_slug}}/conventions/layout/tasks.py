"""What goes through the queue."""

import ast
from collections.abc import Iterator
from functools import lru_cache

from conventions.layout.engine import Finding, rule
from conventions.layout.source import Function, Module, Project

DECORATORS = {"celery.shared_task", "config.celery.app.task", "config.celery_app.task"}
PLAIN = {"int", "str", "bool", "float", "None", "list", "dict"}


Task = tuple[Module, Function, dict[str, ast.expr]]


@lru_cache(maxsize=1)
def _tasks(project: Project) -> list[Task]:
    """(module, function, keywords of the decorator) of every task, wherever it stands."""
    return list(_declared_tasks(project))


def _declared_tasks(project: Project) -> Iterator[Task]:
    for module in project.modules:
        for node in module.definitions:
            for decorator in node.decorator_list:
                if module.meaning(decorator) in DECORATORS:
                    words = decorator.keywords if isinstance(decorator, ast.Call) else []
                    yield module, node, {word.arg: word.value for word in words if word.arg}


def _number(value: ast.expr | None) -> float | None:
    if isinstance(value, ast.Constant) and isinstance(value.value, int | float):
        return value.value
    return None


@rule
def tasks_live_in_tasks(project: Project) -> Iterator[Finding]:
    """A task is declared in its app's tasks.py, where everyone looks for it."""
    for module, function, _ in _tasks(project):
        if module.layer != "tasks":
            yield module.at(function), f"move {function.name} to apps/{module.app}/tasks.py."


@rule
def tasks_carry_their_full_name(project: Project) -> Iterator[Finding]:
    """A task states its name, "<app>.<function>": moving code must not orphan messages."""
    for module, function, words in _tasks(project):
        wanted = f"{module.app}.{function.name}"
        stated = words.get("name")
        if not (isinstance(stated, ast.Constant) and stated.value == wanted):
            yield module.at(function), f'write name="{wanted}" in its decorator.'


@rule
def tasks_are_shallow(project: Project) -> Iterator[Finding]:
    """A task makes one call, to a service: the logic is there, testable without a queue."""
    for module, function, _ in _tasks(project):
        body = function.body[1:] if ast.get_docstring(function, clean=False) else function.body
        calls = [
            node
            for statement in body
            for node in ast.walk(statement)
            if isinstance(node, ast.Call)
            and f".{module.app}.services." in f".{module.meaning(node.func)}."
        ]
        if len(body) != 1 or len(calls) != 1 or not isinstance(body[0], ast.Expr | ast.Return):
            yield (
                module.at(function),
                f"{function.name} does more (or less) than call one service. Move its logic to"
                f" apps/{module.app}/services.py.",
            )


@rule
def tasks_state_their_retries(project: Project) -> Iterator[Finding]:
    """A task says how often it is tried again (0 is an answer), and on which errors by name."""
    for module, function, words in _tasks(project):
        if _number(words.get("max_retries")) is None:
            yield module.at(function), "write max_retries=… (a number) in its decorator."
        errors = words.get("autoretry_for")
        for node in ast.walk(errors) if errors else ():
            if module.meaning(node) in {"Exception", "BaseException"}:
                yield module.at(node), "name the errors that may pass by themselves, not all."


@rule
def tasks_have_time_limits(project: Project) -> Iterator[Finding]:
    """A task says after how many seconds it has gone wrong."""
    for module, function, words in _tasks(project):
        if _number(words.get("time_limit")) is None:
            yield module.at(function), "write time_limit=… (seconds) in its decorator."


@rule
def tasks_take_plain_values(project: Project) -> Iterator[Finding]:
    """A task takes keywords of plain types: ids, not rows, for a row is old when it arrives."""
    for module, function, words in _tasks(project):
        bound = isinstance(words.get("bind"), ast.Constant)  # then the task itself comes first
        if len(function.args.args) > bound or function.args.posonlyargs:
            yield module.at(function), f"{function.name} takes positions. Begin with `*, `."
        for argument in function.args.kwonlyargs:
            named = {
                node.id if isinstance(node, ast.Name) else str(node.value)
                for node in ast.walk(argument.annotation or ast.Name("nothing"))
                if isinstance(node, ast.Name | ast.Constant)
            }
            if not named <= PLAIN:
                what = f"{argument.arg} is no plain value"
                yield module.at(argument), f"{what}. Take an id: int, str, bool or float."


@rule
def tasks_start_after_commit(project: Project) -> Iterator[Finding]:
    """A task is published when the transaction has committed, so that it finds what it is about.

    Does not see a task that reached the call through a variable.
    """
    for module in project.modules:
        for call, called in module.calls:
            if not isinstance(call.func, ast.Attribute):
                continue
            name, chain = call.func.attr, called.split(".")
            if name in {"delay", "apply_async"} and "tasks" in chain[:-1]:
                yield module.at(call), f"use .delay_on_commit(…) instead of .{name}(…)."
            if name == "send_task":
                yield module.at(call), "send_task goes past the task. Use its .delay_on_commit(…)."


@rule
def schedules_expire(project: Project) -> Iterator[Finding]:
    """A scheduled run that could not start in time is dropped: the next one does its work."""
    for module, function, words in _tasks(project):
        if "schedule" in words and _number(words.get("expires")) is None:
            yield module.at(function), "has a schedule. Write expires=… (seconds), too."
