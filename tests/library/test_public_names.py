"""The library's README lists its public names, and no others."""

import argparse
import ast
import inspect
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

from trellis import caching, errors, reads, tasks, testing, web
from trellis.commands import cli

ROOT = Path(__file__).resolve().parents[2]
(PROJECT,) = ROOT.glob("{{*")
LIBRARY = PROJECT / "vendor/trellis"
NAME = r"trellis\.[\w.:]+"
README = (LIBRARY / "README.md").read_text()
FOR_APPS, FOR_THE_PROJECT = re.split(r"^## What .*$", README, flags=re.M)[1:]


def listed(text: str) -> list[str]:
    """Return the names that the items of a list begin with."""
    items = re.findall(r"^- ((?:`[\w.]+`, )*`[\w.]+`): \S", text, flags=re.M)
    return [name for item in items for name in re.findall(r"`([\w.]+)`", item)]


def exported() -> set[str]:
    """Return the public names of the modules that apps import."""
    modules = {"caching": caching, "reads": reads, "tasks": tasks, "testing": testing, "web": web}
    names = {
        f"{room}.{name}"
        for room, module in modules.items()
        for name in module.__all__
        if not inspect.ismodule(getattr(module, name))
    }
    return names | {f"errors.{name}" for name, _ in inspect.getmembers(errors, inspect.isclass)}


def used_in(*paths: Path) -> set[str]:
    """Return the dotted names of the library that these files import or name in a string."""
    names: set[str] = set()
    for path in paths:
        imported: dict[str, str] = {}  # what a name in this file stands for
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("trellis"):
                imported |= {each.name: f"{node.module}.{each.name}" for each in node.names}
            elif isinstance(node, ast.Constant) and re.fullmatch(NAME, str(node.value)):
                names.add(str(node.value).replace(":", "."))
        text = path.read_text()
        for name, dotted in imported.items():
            members = re.findall(rf"(?<![\w.]){name}\.(\w+)", text)
            names |= {f"{dotted}.{member}" for member in members} or {dotted}
    return names


class TestReadme:
    def test_lists_every_public_name_once(self) -> None:
        names = [name for name in listed(README) if not name.startswith("trellis.")]

        assert len(names) == len(set(names))
        in_modules = {"tracing.request_id", "web.limits.count", "web.limits.trust"}
        in_modules.add("web.uploads.PictureField")  # Pillow is loaded where it is needed
        assert set(names) == exported() | in_modules

    def test_lists_at_most_thirty_names_for_apps(self) -> None:
        assert 20 < len(listed(FOR_APPS)) <= 30

    @pytest.mark.parametrize("name", listed(README))
    def test_lists_what_exists(self, name: str) -> None:
        assert pkgutil.resolve_name(name if name.startswith("trellis.") else f"trellis.{name}")

    def test_lists_what_the_projects_configuration_names(self) -> None:
        used = used_in(*(PROJECT / "config").glob("*.py"), PROJECT / "manage.py")

        public = {f"trellis.{name}" for name in listed(FOR_APPS)}
        assert used - public == {n for n in listed(FOR_THE_PROJECT) if n.startswith("trellis.")}

    def test_lists_the_commands(self) -> None:
        section = README.partition("## Commands")[2].partition("\n## ")[0]
        named = set(re.findall(r"`(?:trellis )?(\w[\w-]*)`", section))
        parser = cli._parser()._actions[-1]
        assert isinstance(parser, argparse._SubParsersAction)
        folder = LIBRARY / "src/trellis/management/commands"
        of_django = {path.stem for path in folder.glob("[a-z]*.py")}

        assert named == set(parser.choices) | of_django


class TestProduction:
    def test_loads_no_checks_no_testing_no_commands_and_no_other_database(self) -> None:
        script = (
            "import sys, config.settings; config.settings.PRODUCTION = True\n"
            "import django; django.setup()\n"
            "from django.core.handlers.wsgi import WSGIHandler; WSGIHandler()\n"
            "from django.urls import get_resolver; get_resolver().url_patterns\n"
            "from config.celery import app; app.finalize(); app.autodiscover_tasks(force=True)\n"
            "from trellis.caching.cached_read import all_caches; all_caches()\n"
            "from trellis.web.map import svg; svg()\n"
            "print(*sys.modules)"
        )
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT / "tests/library/sample",
            env={
                "DJANGO_SETTINGS_MODULE": "config.settings",
                "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            },
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        loaded = set(done.stdout.split())

        assert "trellis.web.api" in loaded
        for room in ("checks", "testing", "commands"):
            assert f"trellis.{room}" not in loaded
        assert "psycopg" not in loaded  # it is on SQLite
