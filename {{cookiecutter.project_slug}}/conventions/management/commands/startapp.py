"""`manage.py startapp NAME --team TEAM`: an app with every layer, a home for each line to come.

Django's own command, taught the house rules: what it writes passes `make check` as it stands.
Everything is looked at before anything is written.
"""

import keyword
import re
import subprocess
import sys
from pathlib import Path
from string import Template
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from conventions import layout, ownership

TEMPLATE = Path(layout.__file__).parent.parent / "app_template"
FILES = {
    "OWNERS.toml": "OWNERS.toml-tpl",
    "admin.py": "admin.py-tpl",
    "api.py": "api.py-tpl",
    "apps.py": "apps.py-tpl",
    "models.py": "models.py-tpl",
    "selectors.py": "selectors.py-tpl",
    "services.py": "services.py-tpl",
    "types.py": "types.py-tpl",
    "urls.py": "urls.py-tpl",
    "views.py": "views.py-tpl",
    "migrations/0001_initial.py": "migration.py-tpl",
    "templates/$app/${model}_list.html": "list.html-tpl",
    "tests/factories.py": "factories.py-tpl",
    "tests/test_admin.py": "test_admin.py-tpl",
    "tests/test_api.py": "test_api.py-tpl",
    "tests/test_selectors.py": "test_selectors.py-tpl",
    "tests/test_services.py": "test_services.py-tpl",
    "tests/test_views.py": "test_views.py-tpl",
}
MARKERS = {
    "config/settings.py": {
        "    # startapp adds apps above this line": '    "apps.$app",',
    },
    "config/urls.py": {
        "# startapp adds API routers above this line": 'api.add_router("/$path", $app)',
        "    # startapp adds urls above this line": (
            '    path("$path/", include("apps.$app.urls")),'
        ),
        "from conventions import http": "from apps.$app.api import router as $app",
    },
}


class Command(BaseCommand):
    help = "Make an app with every layer, a first test for each, and an owner."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what the app is about, in the plural: invoices")
        parser.add_argument("--team", default="", help="who owns it; one of teams.toml")
        parser.add_argument("--purpose", default="", help="what it is for, in one sentence")
        parser.add_argument("--profile", choices=ownership.PROFILES, default="layered")
        parser.add_argument("--dry-run", action="store_true", help="show what would be written")

    def handle(self, *args: Any, **options: Any) -> None:
        root: Path = settings.BASE_DIR
        name, team = options["name"], options["team"]
        for problem in (why_no_name(name, root=root), why_no_team(team, root=root)):
            if problem:
                raise CommandError(f"{problem} Nothing was written.")
        words = words_for(name) | {
            "team": team,
            "profile": options["profile"],
            # In quotes in a TOML file.
            "purpose": options["purpose"].replace("\\", "\\\\").replace('"', '\\"')
            or f"{words_for(name)['Title']}: say here what it is for",
        }
        files = new_files(words, root=root) | changed_files(words, root=root)
        for path, text in sorted(files.items()):
            self.stdout.write(f"{'would write' if options['dry_run'] else 'wrote'} {path}")
            if not options["dry_run"]:
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text, encoding="utf-8")
        if not options["dry_run"]:
            tidy([f"apps/{name}", "config/urls.py"], root=root)
            (root / ".github/CODEOWNERS").write_text(
                ownership.codeowners(root=root), encoding="utf-8"
            )
            self.stdout.write("Next: make check, then look at `git diff`.")


def why_no_name(name: str, *, root: Path) -> str:
    """Return why an app cannot have this name, with one that would do; "" if it can."""
    example = re.sub(r"\W+|^\d+", "_", name.lower()).strip("_") or "invoices"
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,29}", name):
        return (
            f"An app cannot be called {name!r}: lower-case letters, digits and underscores,"
            f" 2 to 30 of them, a letter first. Try {example[:30]!r}."
        )
    taken = {config.label for config in apps.get_app_configs()}
    taken |= {"apps", "config", "conventions", "api", "http", "path", "include", "admin"}
    if keyword.iskeyword(name) or name in taken | set(sys.builtin_module_names):
        return f"The name {name!r} is taken. Try '{name}_desk'."
    if (root / "apps" / name).exists():
        return f"apps/{name} exists already."
    return ""


def why_no_team(team: str, *, root: Path) -> str:
    """Return why this team cannot own an app; "" if it can."""
    try:
        teams = ownership.read_teams(root / "teams.toml")
    except ownership.Malformed as error:
        return f"teams.toml:{error.line}: {error.message}"
    if team not in teams:
        known = ", ".join(sorted(teams))
        said = f"There is no team {team!r}." if team else "An app needs an owner."
        return f"{said} Say --team with one of teams.toml: {known}."
    return ""


def words_for(name: str) -> dict[str, str]:
    """Return what the templates call things: `invoice_lines` holds an `InvoiceLine`."""
    one = re.sub(r"ies$", "y", name) if name.endswith("ies") else re.sub(r"(?<!s)s$", "", name)
    camel = "".join(part.capitalize() for part in one.split("_"))
    return {
        "app": name,
        "app_short": name[:20].rstrip("_"),  # Django allows an index's name 30 letters
        "App": "".join(part.capitalize() for part in name.split("_")),
        "Title": name.replace("_", " ").capitalize(),
        "path": name.replace("_", "-"),
        "label": name,
        "model": one,
        "model_plural": name if name != one else f"{name}_list",
        "Model": camel,
        "Model_lower": camel.lower(),
        "Model_plural": "".join(part.capitalize() for part in name.split("_")),
    }


def new_files(words: dict[str, str], *, root: Path) -> dict[str, str]:
    """Return path → text of every file of the app, relative to the project."""
    app = f"apps/{words['app']}"
    files = {f"{app}/{folder}__init__.py": "" for folder in ("", "migrations/", "tests/")}
    for path, template in FILES.items():
        files[f"{app}/{Template(path).substitute(words)}"] = _filled(template, words)
    return files | {f"docs/runbooks/{words['app']}.md": _filled("runbook.md-tpl", words)}


def _filled(template: str, words: dict[str, str]) -> str:
    return Template((TEMPLATE / template).read_text(encoding="utf-8")).substitute(words)


def changed_files(words: dict[str, str], *, root: Path) -> dict[str, str]:
    """Return path → text of the files that must know of the app.

    Raises `CommandError` where a marker line is gone, before anything is written.
    """
    files = {}
    for path, markers in MARKERS.items():
        text = (root / path).read_text(encoding="utf-8")
        for marker, line in markers.items():
            if f"{marker}\n" not in text:
                raise CommandError(
                    f"{path} has no line {marker.strip()!r}, where the app would go. Put it back."
                    " Nothing was written."
                )
            text = text.replace(f"{marker}\n", f"{Template(line).substitute(words)}\n{marker}\n")
        files[path] = text
    return files


def tidy(paths: list[str], *, root: Path) -> None:
    """Sort imports and wrap lines: both depend on how long the names are."""
    for command in (["check", "--quiet", "--select", "I", "--fix"], ["format", "--quiet"]):
        subprocess.run(["ruff", *command, *paths], cwd=root, check=True)
