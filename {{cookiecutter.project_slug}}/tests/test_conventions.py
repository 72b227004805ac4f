"""The project holds its shape."""

import pkgutil
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from types import ModuleType

import conventions
import pytest
from celery import current_app
from trellis import reads, testing
from trellis.checks.layout.source import BESIDE_THE_LAYERS, FRONT_DOOR, RANK, ROWS
from trellis.tasks import catalogue

import apps

ROOT = Path(__file__).resolve().parent.parent


class TestLayout:
    def test_is_as_the_rules_say(self) -> None:
        check = subprocess.run(
            [sys.executable, "-m", "trellis"], cwd=ROOT, capture_output=True, text=True
        )

        if check.returncode != 0:
            pytest.fail(check.stdout + check.stderr, pytrace=False)


class TestImportContracts:
    """A contract that points at nothing holds for ever, and says so in green."""

    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]

    def test_cover_every_package(self) -> None:
        packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"bench", "tests"}

        assert set(self.linter["root_packages"]) == packages

    def test_name_the_layers_that_the_layout_check_knows(self) -> None:
        (layers,) = (one for one in self.linter["contracts"] if "containers" in one)
        rows = tuple(tuple(re.findall(r"\w+", row)) for row in layers["layers"])
        (forbidden,) = (one for one in self.linter["contracts"] if one["type"] == "forbidden")
        inside = {f"apps.*.{layer}" for layer in RANK if layer not in FRONT_DOOR}

        assert rows == ROWS
        assert set(layers["exhaustive_ignores"]) == set(BESIDE_THE_LAYERS)
        assert set(forbidden["forbidden_modules"]) == inside

    def test_name_modules_that_exist(self) -> None:
        named = [
            name
            for contract in self.linter["contracts"]
            for key in ("containers", "ancestors", "source_modules", "layers")
            for name in contract.get(key, [])
            if "(" not in name
        ]

        assert len(named) >= len(self.linter["contracts"])
        assert [name for name in named if not any(ROOT.glob(name.replace(".", "/")))] == []


class TestSelectors:
    def test_each_prove_that_their_queries_do_not_grow(self) -> None:
        modules("selectors")  # each registers itself as it is imported

        unproven = {name for name in reads.selectors if name.startswith("apps.")} - proven(
            fixture="assert_constant_queries"
        )

        assert unproven == set(), (
            "add to the app's tests: assert_constant_queries(selectors.NAME,"
            " grow=factories.NAMEFactory.create_batch)"
        )


class TestTasks:
    def test_each_prove_that_a_second_delivery_does_no_harm(self) -> None:
        names = {
            f"{task.__module__}.{task.__qualname__}" for task in catalogue.tasks_of(current_app)
        }

        unproven = names - proven(fixture="assert_harmless_twice")

        assert unproven == set(), "add to the app's tests: assert_harmless_twice(tasks.NAME, ...)"

    @pytest.mark.parametrize("path", ["Procfile", "compose.yaml"])
    def test_each_go_to_a_queue_that_a_worker_reads(self, path: str) -> None:
        said = re.search(r'--queues"?,? "?([\w,]+)', (ROOT / path).read_text(encoding="utf-8"))
        assert said

        queues = {task.queue_name or "default" for task in catalogue.tasks_of(current_app)}

        assert queues <= set(said[1].split(",")), f"name the queue in {path}, too"


def proven(*, fixture: str) -> set[str]:
    return set().union(*(testing.proven(each, fixture=fixture) for each in modules("tests")))


def modules(layer: str) -> list[ModuleType]:
    """Import the modules of one layer, in every app and in the trellis."""
    return [
        import_module(found.name)
        for package in (apps, conventions)
        for found in pkgutil.walk_packages(package.__path__, prefix=f"{package.__name__}.")
        if f".{layer}" in found.name
    ]
