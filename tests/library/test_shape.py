"""The shape of the library's own code: small modules, small functions, imports at the top."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
(LIBRARY,) = ROOT.glob("{{*/vendor/trellis/src/trellis")
MODULES = sorted(path for path in LIBRARY.rglob("*.py") if "migrations" not in path.parts)

MAX_LINES = 300
MAX_PARAMETERS = 6


def name_of(path: Path) -> str:
    return path.relative_to(LIBRARY).as_posix()


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def parameters_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return len([each for each in named if each.arg not in ("self", "cls")])


@pytest.mark.parametrize("path", MODULES, ids=name_of)
class TestModule:
    def test_is_short(self, path: Path) -> None:
        assert len(path.read_text().splitlines()) <= MAX_LINES

    def test_has_no_function_with_many_parameters(self, path: Path) -> None:
        assert [
            f"{function.name}: {parameters_of(function)}"
            for function in functions(ast.parse(path.read_text()))
            if parameters_of(function) > MAX_PARAMETERS
        ] == []

    def test_imports_no_models_inside_a_function(self, path: Path) -> None:
        assert [
            f"{function.name}: {ast.unparse(statement)}"
            for function in functions(ast.parse(path.read_text()))
            for statement in ast.walk(function)
            if isinstance(statement, ast.Import | ast.ImportFrom)
            and "models" in ast.unparse(statement).replace(",", " ").replace(".", " ").split()
        ] == []

    def test_imports_nothing_of_the_project(self, path: Path) -> None:
        imported = [
            (node.module or "") if isinstance(node, ast.ImportFrom) else name.name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in node.names
        ]

        assert [each for each in imported if each.split(".")[0] in ("apps", "config")] == []
