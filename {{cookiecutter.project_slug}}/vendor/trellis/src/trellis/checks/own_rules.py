"""Rules of a project's own: functions in its files, named by `own_rules` in [tool.trellis].

def apps_do_not_print(project):
    '''Apps write log lines; they do not print.'''
    for module in project.modules:
        for use in module.names.reads("print"):
            yield module.path, use.lineno, "prints. Use a logger."
"""

import importlib.util
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from trellis.checks.project import Project
from trellis.checks.rules import Finding
from trellis.checks.settings import FILE


def check(project: Project) -> Iterator[Finding]:
    """Yield the findings of every own rule. One that fails is itself a finding."""
    for name, path in project.settings.own_rules.items():
        try:
            for place, line, message in load(project.root, path=path, name=name)(project):
                yield Finding(str(place), int(line), name, str(message))
        except Exception as error:  # whatever a file of the project's own raises
            where = traceback.extract_tb(error.__traceback__)[-1]
            message = f"own rule {name}: {type(error).__name__}: {error}"
            place = f"({path}, line {where.lineno})"
            yield Finding(FILE, 1, "settings_are_valid", f"{message} {place}. Mend the rule.")


def load(root: Path, *, path: str, name: str) -> Callable[[Project], Iterable[Any]]:
    """Return the function `name` of a file. Raises what the file raises, or `AttributeError`."""
    spec = importlib.util.spec_from_file_location(f"own_rules_{Path(path).stem}", root / path)
    assert spec and spec.loader  # noqa: S101  # a path that ends in .py has both
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    function: Callable[[Project], Iterable[Any]] = getattr(module, name)
    return function
