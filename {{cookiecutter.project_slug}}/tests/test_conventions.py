"""The project holds its shape."""

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

from celery import current_app
from django.apps import apps
from django.utils.module_loading import module_has_submodule

from conventions import catalogue, querying

ROOT = Path(__file__).resolve().parent.parent


class TestLayout:
    def test_is_as_the_rules_say(self) -> None:
        check = subprocess.run(
            [sys.executable, "-m", "conventions"], cwd=ROOT, capture_output=True, text=True
        )

        assert check.returncode == 0, check.stdout + check.stderr


class TestSelectors:
    def test_each_prove_that_their_queries_do_not_grow(self) -> None:
        unproven = []
        for config in apps.get_app_configs():
            if not config.name.startswith("apps.") or not module_has_submodule(
                config.module, "selectors"
            ):
                continue
            module = import_module(f"{config.name}.selectors")
            tests = Path(config.path, "tests", "test_selectors.py").read_text()
            unproven += [
                name
                for name in querying.selectors
                if name.startswith(f"{module.__name__}.")
                and not re.search(
                    rf"assert_constant_queries\(\s*selectors\.{name.rpartition('.')[2]}\b", tests
                )
            ]

        assert unproven == [], "add a case with assert_constant_queries to the app's tests"


class TestTasks:
    def test_each_prove_that_a_second_delivery_does_no_harm(self) -> None:
        unproven = []
        for task in catalogue.tasks_of(current_app):
            app, _, name = task.name.partition(".")
            folder = ROOT if app == "conventions" else ROOT / "apps"
            tests = (folder / app / "tests" / "test_tasks.py").read_text()
            if not re.search(rf"assert_harmless_twice\(\s*tasks\.{name}\b", tests):
                unproven.append(task.name)

        assert unproven == [], "add a case with assert_harmless_twice to the app's tests"
