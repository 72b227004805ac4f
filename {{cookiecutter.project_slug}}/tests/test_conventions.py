"""The project holds its shape."""

import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import apps
from conventions import querying, testing

ROOT = Path(__file__).resolve().parent.parent


class TestLayout:
    def test_is_as_the_rules_say(self) -> None:
        check = subprocess.run(
            [sys.executable, "-m", "conventions"], cwd=ROOT, capture_output=True, text=True
        )

        assert check.returncode == 0, check.stdout + check.stderr


class TestSelectors:
    def test_each_prove_that_their_queries_do_not_grow(self) -> None:
        modules("selectors")  # each registers itself as it is imported
        proven = set().union(*(testing.proven_selectors(module) for module in modules("tests")))

        unproven = {name for name in querying.selectors if name.startswith("apps.")} - proven

        assert unproven == set(), "add a case with assert_constant_queries to the app's tests"


def modules(layer: str) -> list[ModuleType]:
    """Import the modules of one layer, in every app."""
    return [
        import_module(found.name)
        for found in pkgutil.walk_packages(apps.__path__, prefix="apps.")
        if f".{layer}" in found.name
    ]
