"""Which selectors and tasks have their proof among the tests.

Read from the code of the tests, so that it does not matter which of them run.
"""

import ast
import contextlib
import operator
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

from celery import current_app
from django.apps import apps
from django.utils.module_loading import autodiscover_modules

from trellis.reads import rows
from trellis.tasks import catalogue


def unproven_selectors() -> list[str]:
    """Return the dotted names of the selectors that no test gives to `assert_constant_queries`."""
    autodiscover_modules("selectors")  # a selector registers itself when it is imported
    names = {name for name in rows.budgets if name.startswith("apps.")}
    return sorted(names - _proven_by("assert_constant_queries"))


def unproven_tasks() -> list[str]:
    """Return the dotted names of the tasks that no test gives to `assert_harmless_twice`."""
    names = {f"{task.__module__}.{task.__qualname__}" for task in catalogue.tasks_of(current_app)}
    own = {name for name in names if name.startswith("apps.")}
    return sorted(own - _proven_by("assert_harmless_twice"))


def _proven_by(proof: str) -> set[str]:
    return {name for module in _test_modules() for name in proven(module, proof=proof)}


def _test_modules() -> Iterator[ModuleType]:
    for config in apps.get_app_configs():
        if config.name.startswith("apps.") and config.module:
            for found in pkgutil.walk_packages(config.module.__path__, f"{config.name}."):
                if ".test_" in found.name:
                    yield import_module(found.name)


def proven(module: ModuleType, *, proof: str) -> set[str]:
    """Return the dotted names of what a test in `module` gives to the function `proof`."""
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    return {
        name
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and ast.unparse(call.func) in (proof, f"testing.{proof}")
        and call.args
        for name in _dotted_name(module, ast.unparse(call.args[0]))
    }


def _dotted_name(module: ModuleType, path: str) -> Iterator[str]:
    """Yield the full name of what `path` is in `module`; nothing for a local name of a test."""
    with contextlib.suppress(AttributeError):
        found = operator.attrgetter(path)(module)
        yield f"{found.__module__}.{found.__qualname__}"
