"""What tasks declare about themselves, and the schedule that is made of it."""

import inspect
import types
import typing
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from celery import Celery
from django.conf import settings

from trellis.celery_app import declared_schedule
from trellis.checks.located import finding
from trellis.checks.rules import Finding
from trellis.tasks import catalogue

# What Celery's JSON carries to a worker and back.
PLAIN = {int, str, bool, float, type(None), UUID, date, datetime, Decimal, list, dict, tuple}


def findings(app: Celery) -> Iterator[Finding]:
    """Yield every finding about the project's tasks and their schedule."""
    for task in catalogue.tasks_of(app):
        if task.run.__module__.startswith(("apps.", "config.")):
            yield from place_and_name(task)
            yield from limits(task)
            yield from arguments(task)
    yield from schedule(app)
    yield from settings_of_celery(app)


def place_and_name(task: Any) -> Iterator[Finding]:
    """Judge where a task is defined and what it is called."""
    package, app, layer = (*task.run.__module__.split("."), "", "")[:3]
    function = task.run.__name__
    if package != "apps" or layer != "tasks":
        home = f"apps/{app}/tasks.py" if package == "apps" else "the tasks.py of an app"
        yield finding(task.run, "tasks_live_in_tasks", f"{task.name} is a task. Move it to {home}.")
    elif not getattr(task, "_decorated", False):
        message = f"{task.name} is a class. Write a function with @shared_task."
        yield finding(type(task), "tasks_live_in_tasks", message)
    elif task.name != f"{app}.{function}":
        message = f'the task is called {task.name!r}. Write name="{app}.{function}".'
        yield finding(task.run, "tasks_carry_their_name", message)


def limits(task: Any) -> Iterator[Finding]:
    """Judge how long and how often a task runs."""
    if not _states(task, "max_retries") or task.max_retries is None:
        message = f"{task.name} does not say how often it is tried again. Write max_retries=…."
        yield finding(task.run, "tasks_state_their_retries", message)
    for error in getattr(task, "autoretry_for", ()):
        if error in (Exception, BaseException):
            message = f"{task.name} is tried again after any error. Name those that pass."
            yield finding(task.run, "tasks_state_their_retries", message)
    if not task.time_limit or not getattr(task, "states_time_limit", True):
        message = f"{task.name} has no time limit. Write time_limit=… in seconds."
        yield finding(task.run, "tasks_have_time_limits", message)
    if getattr(task, "schedule", None) is not None and not task.expires:
        message = f"{task.name} has a schedule. Write expires=… in seconds, too."
        yield finding(task.run, "schedules_expire", message)


def _states(task: Any, option: str) -> bool:
    """Whether a task, or a base class of the project's own, sets an option."""
    own = [one for one in type(task).__mro__ if one.__module__.startswith(("apps.", "config."))]
    return any(option in vars(one) for one in own)


def arguments(task: Any) -> Iterator[Finding]:
    """Judge what a task is sent: keywords, of types that the broker carries."""

    def broken(message: str) -> Finding:
        return finding(task.run, "tasks_take_plain_values", f"{task.name} {message}")

    parameters = inspect.signature(task.run).parameters.values()
    if by_position := [p.name for p in parameters if p.kind <= p.VAR_POSITIONAL]:
        yield broken(f"takes {', '.join(by_position)} by position. Begin with `*, `.")
    try:
        hints = typing.get_type_hints(inspect.unwrap(task.run))
    except NameError as error:
        yield broken(f"has an annotation that cannot be read ({error}). Import it at the top.")
        return
    for parameter in parameters:
        if not _is_plain(hints.get(parameter.name, object)):
            yield broken(
                f"takes {parameter.name}, which is not a plain value. Take an id or another of int,"
                " str, bool, float, UUID, date, datetime, Decimal, or lists and dicts of them."
            )


def _is_plain(kind: Any) -> bool:
    if isinstance(kind, typing.NewType):
        return _is_plain(kind.__supertype__)
    if isinstance(kind, typing.TypeAliasType):
        return _is_plain(kind.__value__)
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return all(type(value) in PLAIN for value in inner)
    if origin in (typing.Union, types.UnionType):
        return all(_is_plain(one) for one in inner)
    if origin in (list, dict, tuple):
        return all(one is Ellipsis or _is_plain(one) for one in inner)
    return kind in PLAIN


def schedule(app: Celery) -> Iterator[Finding]:
    """Judge whether the beat schedule is what tasks declare, and nothing else."""
    declared = declared_schedule(app)
    for name, entry in app.conf.beat_schedule.items():
        if declared.get(name) != entry:
            message = (
                f"the entry {name!r} of the beat schedule is not declared by a task. Write"
                " schedule=… and expires=… in the decorator of its task."
            )
            yield Finding("config/celery.py", 1, "schedules_stand_on_their_task", message)


def settings_of_celery(app: Celery) -> Iterator[Finding]:
    """Judge whether Django's settings hold settings of Celery that nothing reads."""
    for name in dir(settings):
        if name.startswith("CELERY_"):
            option = name.removeprefix("CELERY_").lower()
            if app.conf.get(option) != getattr(settings, name):
                message = f"{name} has no effect. Set {option} in config/celery.py."
                yield Finding("config/settings.py", 1, "celery_settings_stand_in_celery", message)
