"""What goes through the queue."""

import ast
from collections.abc import Iterator

from trellis.checks.layout.engine import Finding, once, rule
from trellis.checks.layout.source import Function, Module, Project

DECORATORS = {
    "celery.shared_task",
    "celery.app.shared_task",
    "celery.current_app.task",
    "config.celery.app.task",
    "config.celery_app.task",
}
OURS = {"trellis.tasks.Task", "trellis.tasks.base.Task"}
CLASSES = OURS | {"celery.Task", "celery.app.task.Task"}
CANVAS = {f"celery.{name}" for name in ("chain", "chord", "group", "signature", "Signature")}
PAST_THE_COMMIT = {"delay", "apply_async", "apply", "run", "s", "si", "signature"}
PLAIN = {"int", "str", "bool", "float", "None", "list", "dict", "Optional"}

Task = tuple[Module, Function, dict[str, ast.expr]]


@once
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


def _number(value: ast.expr | None, *, module: Module, depth: int = 9) -> float | None:
    """Return a number that is written out: `60`, `5 * 60`, or a constant of the file."""
    value = module.value(value)
    if isinstance(value, ast.Constant) and type(value.value) in (int, float):
        return value.value  # type: ignore[return-value]
    if isinstance(value, ast.BinOp) and depth:
        left, right = (
            _number(one, module=module, depth=depth - 1) for one in (value.left, value.right)
        )
        if left is not None and right is not None:
            return left * right if isinstance(value.op, ast.Mult) else left + right
    return None


@rule
def tasks_live_in_tasks(project: Project) -> Iterator[Finding]:
    """A task is a decorated function in its app's layer for tasks, where everyone looks for it.

    Cannot see: a decorator of your own that makes one.
    """
    for module, function, _ in _tasks(project):
        if module.layer != "tasks":
            yield module.at(function), f"move {function.name} to apps/{module.app}/tasks.py."
    for module in project.modules:
        made = [call for call, called in module.calls if called in DECORATORS]
        above = [one for node in module.definitions for one in node.decorator_list] if made else []
        for call in made:
            if call not in above:  # `shared_task(name=…)(function)`
                yield module.at(call), "makes a task in passing. Write the decorator above a def."
        for node in module.of(ast.ClassDef):
            if CLASSES & {module.meaning(base) for base in node.bases}:
                yield (
                    module.at(node),
                    f"{node.name} is a class. Write a function with @shared_task.",
                )


@rule
def tasks_carry_their_full_name(project: Project) -> Iterator[Finding]:
    """A task states its name, "<app>.<function>": moving code must not orphan messages.

    Cannot see: a name that was changed together with the function while messages wait.
    """
    for module, function, words in _tasks(project):
        wanted = f"{module.app}.{function.name}"
        stated = words.get("name")
        if not (isinstance(stated, ast.Constant) and stated.value == wanted):
            yield module.at(function), f'write name="{wanted}" in its decorator.'


@rule
def tasks_are_shallow(project: Project) -> Iterator[Finding]:
    """A task makes one call, to a service: the logic is there, testable without a queue.

    Cannot see: logic in how the arguments of that call are computed.
    """
    for module, function, _ in _tasks(project):
        body = function.body[1:] if ast.get_docstring(function, clean=False) else function.body
        call = body[0].value if len(body) == 1 and isinstance(body[0], ast.Expr | ast.Return) else 0
        if isinstance(call, ast.Call) and _service(call, module=module):
            inside = [node for node in ast.walk(call) if isinstance(node, ast.Call)]
            if (
                sum(
                    _service(one, module=module, layers=("services", "selectors")) for one in inside
                )
                == 1
            ):
                continue
        yield (
            module.at(function),
            f"{function.name} does more (or less) than call one service. Move its logic to"
            f" apps/{module.app}/services.py.",
        )


def _service(call: ast.Call, *, module: Module, layers: tuple[str, ...] = ("services",)) -> bool:
    """Whether it calls a service of the module's own app."""
    return module.meaning(call.func).startswith(
        tuple(f"apps.{module.app}.{one}." for one in layers)
    )


@rule
def tasks_state_their_retries(project: Project) -> Iterator[Finding]:
    """A task says how often it is tried again (0 is an answer), and on which errors by name.

    The number stands in the decorator or in a constant of the file, not in `**options`.

    Cannot see: a base class of errors of your own that covers too much.
    """
    for module, function, words in _tasks(project):
        if _number(words.get("max_retries"), module=module) is None:
            yield module.at(function), "write max_retries=… (a number) in its decorator."
        for node in ast.walk(words["retry_kwargs"]) if "retry_kwargs" in words else ():
            if isinstance(node, ast.Constant) and node.value == "max_retries":
                yield module.at(node), "write max_retries=… in the decorator itself."
        errors = module.value(words.get("autoretry_for"))
        for node in ast.walk(errors) if errors else ():
            if module.meaning(node).removeprefix("builtins.") in {"Exception", "BaseException"}:
                yield module.at(node), "name the errors that may pass by themselves, not all."


@rule
def tasks_have_time_limits(project: Project) -> Iterator[Finding]:
    """A task says after how many seconds it has gone wrong: `time_limit=60` in its decorator.

    Cannot see: whether the limit is longer than the work takes.
    """
    for module, function, words in _tasks(project):
        if not _number(words.get("time_limit"), module=module):
            yield module.at(function), "write time_limit=… (seconds) in its decorator."


@rule
def tasks_take_plain_values(project: Project) -> Iterator[Finding]:
    """A task takes keywords of plain types: ids, not rows, for a row is old when it arrives.

    Plain is what JSON has: int, str, bool, float, None, and lists and dicts of them.

    Cannot see: what is really passed.
    """
    for module, function, words in _tasks(project):
        arguments = function.args
        bind = words.get("bind")
        bound = isinstance(bind, ast.Constant) and bool(bind.value)  # the task itself comes first
        if len(arguments.args) > bound or arguments.posonlyargs or arguments.vararg:
            yield module.at(function), f"{function.name} takes positions. Begin with `*, `."
        for argument in [*arguments.kwonlyargs, *([arguments.kwarg] if arguments.kwarg else [])]:
            named = {
                node.id if isinstance(node, ast.Name) else str(node.value)
                for node in ast.walk(argument.annotation or ast.Name("nothing"))
                if isinstance(node, ast.Name | ast.Constant)
            }
            if "Literal" not in named and not named <= PLAIN:
                what = f"{argument.arg} is no plain value"
                yield module.at(argument), f"{what}. Take an id: int, str, bool or float."


@rule
def tasks_start_after_commit(project: Project) -> Iterator[Finding]:
    """A task is published when the transaction has committed, so that it finds what it is about.

    `delay_on_commit` also keeps a message that the broker would not take. A task is not called
    in passing either: call its service. Steps of a flow start each other by it, not by a canvas.

    Cannot see: a task that was put into a list or handed to a function.
    """
    tasks = {f"{module.dotted}.{function.name}" for module, function, _ in _tasks(project)}
    for module in project.modules:
        for node, method in module.attributes:
            if method in PAST_THE_COMMIT:
                dotted = module.meaning(node)
                of_ours = "apps." in dotted and ".tasks." in dotted
                if of_ours or (dotted.startswith("celery.") and dotted not in CANVAS):
                    yield module.at(node), f"use .delay_on_commit(…) instead of .{method}(…)."
        for call, called in module.calls:
            name = called.rpartition(".")[2]
            if name == "send_task":
                yield module.at(call), "send_task goes past the task. Use its .delay_on_commit(…)."
            elif called in CANVAS:
                yield module.at(call), f"{called} goes past the commit. Use .delay_on_commit(…)."
            elif project.origin(called) in tasks:
                yield module.at(call), f"{name} runs here and now. Call its service, or publish it."


@rule
def schedules_stand_on_their_task(project: Project) -> Iterator[Finding]:
    """A schedule is a word in the task's own decorator, so it cannot name a task that is gone.

    Cannot see: a schedule that is kept as data.
    """
    instead = "Write schedule=… and expires=… in the decorator of the task."
    for module in project.modules:
        for call, called in module.calls:
            if called.endswith(".add_periodic_task"):
                yield module.at(call), f"plans a task from outside. {instead}"
    by_hand = b"CELERY_BEAT_SCHEDULE", b".add_periodic_task("
    for place, line in project.lines_with(*by_hand, folders=["config"]):
        if by_hand[1] in line or line.partition(b"=")[0].partition(b":")[0].strip() == by_hand[0]:
            yield place, f"plans tasks from outside. {instead}"


@rule
def schedules_expire(project: Project) -> Iterator[Finding]:
    """A scheduled run that could not start in time is dropped: the next one does its work.

    Cannot see: whether a run takes longer than the time between two.
    """
    for module, function, words in _tasks(project):
        if "schedule" in words and not _number(words.get("expires"), module=module):
            yield module.at(function), "has a schedule. Write expires=… (seconds), too."
