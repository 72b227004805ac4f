"""Rules of a project's own: functions in its files, named by `own_rules` in [tool.trellis].

    import ast

    def apps_do_not_print(project):
        '''Apps write log lines; they do not print.'''
        for module in project.modules:
            for node in ast.walk(module.tree):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print":
                    yield module.path, node.lineno, "prints. Use a logger."

project.py says what a project and a module have. The function's name is the name of the rule, its
docstring what `trellis explain` prints.
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
    """Return the function `name` of a file. Raises whatever that file raises."""
    spec = importlib.util.spec_from_file_location(f"own_rules_{Path(path).stem}", root / path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    function: Callable[[Project], Iterable[Any]] = getattr(module, name)
    return function
