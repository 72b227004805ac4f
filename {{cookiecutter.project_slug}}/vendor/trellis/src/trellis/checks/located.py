"""Findings about objects of the loaded project: where they are defined."""

import inspect
from pathlib import Path
from typing import Any

from django.conf import settings as django_settings

from trellis.checks.rules import Finding


def finding(value: Any, rule: str, message: str, *, word: str = "") -> Finding:
    """Return a finding at the definition of a function, a class or a module.

    With `word`, at the first line of the definition that contains it.
    """
    try:
        value = inspect.unwrap(value)
        file = Path(inspect.getsourcefile(value) or "")
        lines, first = inspect.getsourcelines(value)
    except (OSError, TypeError):  # made at run time, by exec() or type()
        return Finding(f"{getattr(value, '__module__', '') or value}", 1, rule, message)
    offset = next((n for n, line in enumerate(lines) if word and word in line), 0)
    return Finding(relative(file), max(first, 1) + offset, rule, message)


def relative(file: Path) -> str:
    """Return a path from the project's root, with "/"; an absolute one for a file outside."""
    root = Path(django_settings.BASE_DIR)
    return (file.relative_to(root) if file.is_relative_to(root) else file).as_posix()
