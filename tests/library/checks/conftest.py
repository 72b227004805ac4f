"""Pieces of a project, written for one test and imported as modules of an app."""

import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest
from pytest_django import Settings

from trellis.checks.rules import Finding
from trellis.reads import rows

Write = Callable[..., ModuleType]


@pytest.fixture
def root(tmp_path: Path, settings: Settings) -> Path:
    """The folder of an empty project."""
    settings.BASE_DIR = tmp_path
    return tmp_path


@pytest.fixture
def write(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write and import `apps/<app>/<name>.py`; a line that ends in `# !` is to be reported.

    `name` is dotted: "management.commands.plant".
    """

    def write(code: str, *, name: str, app: str = "garden") -> ModuleType:
        dotted = f"apps.{app}.{name}"
        path = root / f"{dotted.replace('.', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(code), encoding="utf-8")
        spec = importlib.util.spec_from_file_location(dotted, path)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, dotted, module)
        spec.loader.exec_module(module)
        return module

    yield write
    for name in [name for name in rows.budgets if name.startswith("apps.garden.")]:
        del rows.budgets[name]


def cases(table: dict[str, list[str]]) -> list[Any]:
    """Return the parameters (rule, code) of a table of codes by rule."""
    return [
        pytest.param(rule, code, id=f"{rule} {number}")
        for rule, codes in table.items()
        for number, code in enumerate(codes, 1)
    ]


def marked(module: ModuleType) -> set[int]:
    """Return the numbers of the lines that end in `# !`."""
    lines = Path(str(module.__file__)).read_text(encoding="utf-8").splitlines()
    return {number for number, line in enumerate(lines, 1) if line.endswith("# !")}


def places(findings: Iterable[Finding], *, module: ModuleType, rule: str) -> set[int]:
    """Return the lines of the findings, all of which are in `module` and by `rule`."""
    found = list(findings)
    name = module.__name__.replace(".", "/")
    assert {(one.path, one.rule) for one in found} <= {(f"{name}.py", rule)}, found
    return {one.line for one in found}
