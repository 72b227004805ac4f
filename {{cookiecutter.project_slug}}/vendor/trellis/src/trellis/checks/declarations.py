"""Declarations: what the loaded project says about itself, as Django system checks.

The rules look at functions, models, signals and caches after Django has imported them, so that an
alias, a decorator or a base class hides nothing. The texts of the rules are in rules.md.
"""

import inspect
import pkgutil
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from itertools import chain
from types import CodeType, ModuleType
from typing import Any

from celery import current_app
from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage
from django.core.checks import Warning as CheckWarning
from django.db import models
from django.db.models import signals
from django.db.models.signals import ModelSignal
from django.utils.module_loading import import_string

from trellis import ownership
from trellis.caching.cached_read import CachedRead, all_caches
from trellis.checks import declared_tasks, layout, migrations, waivers
from trellis.checks.located import finding
from trellis.checks.rules import Finding
from trellis.reads import rows

ON_DELETE = ("PROTECT", "RESTRICT", "SET_NULL", "DB_SET_NULL")
SIGNALS_OF_MODELS = (
    *("pre_init", "post_init", "pre_save", "post_save", "pre_delete", "post_delete"),
    "m2m_changed",
)


def check(app_configs: object, **kwargs: object) -> list[CheckMessage]:
    """Return a warning, `trellis.<rule>`, for each finding of the layout and of declarations."""
    today = datetime.now(UTC).date()
    excused = waivers.read(settings.BASE_DIR, today=today)
    found = layout.check(root=settings.BASE_DIR, today=today)
    found += excused.remaining(findings(), mechanism="declarations")
    return [
        CheckWarning(f"{one.path}:{one.line}: {one.message}", id=f"trellis.{one.rule}")
        for one in found
    ]


def findings() -> Iterator[Finding]:
    """Yield every finding in the loaded project."""
    for module in _modules("services"):
        yield from functions(module)
    for module in _modules("selectors"):
        yield from functions(module)
        yield from budgets(module)
    yield from declared_tasks.findings(current_app)
    for cache in all_caches().values():
        yield from caches(cache)
    for config in _own_apps():
        for model in config.get_models(include_auto_created=True):
            yield from relations(model)
            for name in SIGNALS_OF_MODELS:
                yield from receivers(model, getattr(signals, name), name=name)
    yield from migrations.findings()


def _own_apps() -> list[AppConfig]:
    return [config for config in apps.get_app_configs() if config.name.startswith("apps.")]


def _modules(layer: str) -> Iterator[ModuleType]:
    """Import and yield the modules of a layer in each app, except private ones and tests."""
    for config in _own_apps():
        path = config.module.__path__ if config.module else []
        if layer in {found.name for found in pkgutil.iter_modules(path)}:
            module = import_module(f"{config.name}.{layer}")
            yield module
            within = pkgutil.walk_packages(getattr(module, "__path__", []), f"{module.__name__}.")
            for found in within:
                if "._" not in found.name and ".test" not in found.name:
                    yield import_module(found.name)


# Services and selectors


def functions(module: ModuleType) -> Iterator[Finding]:
    """Judge the public functions and classes that a module of services or selectors defines."""
    for name, value in _public(module):
        if inspect.isclass(value):
            if _is_class_of_functions(value):
                message = f"{name} is a class with methods. Write each public one as a function."
                yield finding(value, "services_are_functions", message)
            continue
        parameters = inspect.signature(value).parameters.values()
        if by_position := [p.name for p in parameters if p.kind <= p.VAR_POSITIONAL]:
            message = f"{name} takes {', '.join(by_position)} by position. Begin with `*, `."
            yield finding(value, "services_take_keywords", message)


def budgets(module: ModuleType) -> Iterator[Finding]:
    """Judge whether the public functions of a module of selectors declare their queries."""
    for name, value in _public(module):
        if inspect.isclass(value):
            continue
        if f"{module.__name__}.{value.__name__}" not in rows.budgets:
            message = (
                f"{name} declares no number of queries. Write @reads.selector(queries=…) above it,"
                " or begin its name with an underscore."
            )
            yield finding(value, "selectors_declare_a_budget", message)
        elif hasattr(value, "cache_info"):
            message = f"{name} keeps its rows for ever (lru_cache). Declare a cached_read."
            yield finding(value, "selectors_declare_a_budget", message)


def _public(module: ModuleType) -> Iterator[tuple[str, Any]]:
    for name, value in vars(module).items():
        is_defined_here = getattr(value, "__module__", "") == module.__name__
        is_judged = inspect.isclass(value) or inspect.isfunction(inspect.unwrap(value))
        if is_defined_here and is_judged and not name.startswith("_"):
            yield name, value


def _is_class_of_functions(value: type) -> bool:
    """Whether a class stands for functions: it has public methods and is not a kind of data."""
    is_data = issubclass(value, BaseException | tuple | dict | str | int) or any(
        hasattr(value, mark)
        for mark in ("__dataclass_fields__", "__attrs_attrs__", "model_fields", "__members__")
    )
    return not (is_data or getattr(value, "_is_protocol", False)) and any(
        inspect.isroutine(member) and (name == "__call__" or not name.startswith("_"))
        for base in value.__mro__
        if base is not object
        for name, member in vars(base).items()
    )


# Caches


def caches(cache: CachedRead[Any, Any]) -> Iterator[Finding]:
    """Judge what a cache says about its reason and about what invalidates it."""
    reason = cache.bottleneck.strip(" .…?-").lower()
    if reason in ("", "todo", "tbd", "fixme", "slow"):
        message = f"{cache.name}: the bottleneck is {cache.bottleneck!r}. Say what you measured."
        yield finding(cache.load, "caches_state_their_bottleneck", message)
    for dotted in cache.invalidated_by:
        service = _function(dotted)
        called = f"{cache.load.__module__.rpartition('.')[2]}.{cache.load.__name__}.invalidate(…)"
        if service is None:
            message = f"there is no function {dotted}. Name the service that invalidates the cache."
            yield finding(cache.load, "caches_are_invalidated", message)
        elif not {cache.load.__name__, "invalidate"} <= _names_in(service, seen=set()):
            message = f"{dotted} never calls {called}. Call it there."
            yield finding(cache.load, "caches_are_invalidated", message)


def _function(dotted: str) -> Any:
    try:
        found = inspect.unwrap(import_string(dotted))
    except ImportError:
        return None
    return found if inspect.isfunction(found) else None


def _names_in(function: Any, *, seen: set[Any]) -> set[str]:
    """Return every name in the code of a function and of the apps' functions that it names."""
    seen.add(function)
    names = _names_of_code(function.__code__)
    values = [function.__globals__.get(name) for name in names]
    for module in [one for one in values if inspect.ismodule(one)]:
        values += [vars(module).get(name) for name in names]
    for value in values:
        called = inspect.unwrap(value) if callable(value) else None
        is_own = inspect.isfunction(called) and called.__module__.startswith("apps.")
        if is_own and called not in seen:
            names = names | _names_in(called, seen=seen)
    return names


def _names_of_code(code: CodeType) -> set[str]:
    inner = [one for one in code.co_consts if isinstance(one, CodeType)]
    return set(code.co_names).union(*(_names_of_code(one) for one in inner))


# Models


def relations(model: type[models.Model]) -> Iterator[Finding]:
    """Judge the relations of a model to models of other apps of the project."""
    if model._meta.auto_created:  # the table of a many-to-many relation: its model is judged
        return
    own = model._meta.app_config
    fields: list[Any] = [*model._meta.local_fields, *model._meta.local_many_to_many]
    for field in fields:
        other = field.related_model._meta.app_config if field.is_relation else None
        if not other or other.label == own.label or not other.name.startswith("apps."):
            continue
        message = ""
        on_delete = getattr(getattr(field.remote_field, "on_delete", None), "__name__", "PROTECT")
        if on_delete not in ON_DELETE:
            message = f"is {on_delete} across apps. Write models.PROTECT, RESTRICT or SET_NULL."
        elif not field.remote_field.hidden:
            message = f'adds an attribute to {other.label}. Write related_name="+".'
        elif other.label not in _depends_on(own.label):
            message = f"uses {other.label}. Add it to depends_on in apps/{own.label}/OWNERS.toml."
        if message:
            where = f"{model.__name__}.{field.name}"
            yield finding(
                model, "foreign_keys_across_apps", f"{where} {message}", word=f"{field.name} ="
            )


def _depends_on(app: str) -> list[str]:
    """Return what an app may use; a file that cannot be read is reported by the layout check."""
    try:
        owners = ownership.read_owners(settings.BASE_DIR / "apps" / app / "OWNERS.toml")
    except ownership.Malformed:
        return [config.label for config in _own_apps()]
    return list(owners.get("depends_on", []))


def receivers(model: type[models.Model], signal: ModelSignal, *, name: str) -> Iterator[Finding]:
    """Judge the receivers that one of Django's signals has for a model of the project."""
    for receiver in chain.from_iterable(signal._live_receivers(model)):
        function = inspect.unwrap(receiver)
        if getattr(function, "__module__", "").startswith("apps."):
            message = (
                f"runs at {name} of {model.__name__}, which is a model of the project. Call it from"
                " the service that changes the row."
            )
            yield finding(function, "no_receivers_for_own_models", message)
