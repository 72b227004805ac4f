"""`manage.py startapp NAME --team TEAM`: an app with a home for each line to come.

Django's own command, taught the house rules: what it writes passes `make check` as it stands.
Everything is looked at before anything is written, and what could not be finished is undone.
"""

import difflib
import keyword
import re
import shutil
import subprocess
import sys
import tempfile
import zlib
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from trellis import ownership
from trellis.checks.layers import BESIDE_THE_LAYERS, LAYERS, NOT_READ

TEMPLATE = Path(__file__).parents[2] / "app_template"
BOTH = {
    "OWNERS.toml": "OWNERS.toml-tpl",
    "apps.py": "apps.py-tpl",
    "models.py": "models.py-tpl",
    "migrations/0001_initial.py": "migration.py-tpl",
    "tests/factories.py": "factories.py-tpl",
}
FILES = {
    "layered": BOTH
    | {
        "admin.py": "admin.py-tpl",
        "api.py": "api.py-tpl",
        "selectors.py": "selectors.py-tpl",
        "services.py": "services.py-tpl",
        "tasks.py": "tasks.py-tpl",
        "types.py": "types.py-tpl",
        "urls.py": "urls.py-tpl",
        "views.py": "views.py-tpl",
        "templates/$app/${model}_list.html": "list.html-tpl",
        "tests/test_admin.py": "test_admin.py-tpl",
        "tests/test_api.py": "test_api.py-tpl",
        "tests/test_selectors.py": "test_selectors.py-tpl",
        "tests/test_services.py": "test_services.py-tpl",
        "tests/test_tasks.py": "test_tasks.py-tpl",
        "tests/test_views.py": "test_views.py-tpl",
    },
    "crud": BOTH
    | {
        "admin.py": "crud_admin.py-tpl",
        "forms.py": "crud_forms.py-tpl",
        "tests/test_admin.py": "crud_test_admin.py-tpl",
        "tests/test_forms.py": "crud_test_forms.py-tpl",
    },
}
SETTINGS = {"    # startapp adds apps above this line": '    "apps.$app",'}
URLS = {
    "# startapp adds API routers above this line": (
        'api.add_router("/$path", "apps.$app.api.router")'
    ),
    "    # startapp adds urls above this line": '    path("$path/", include("apps.$app.urls")),',
}
MARKERS: dict[str, dict[str, dict[str, str]]] = {
    "layered": {"config/settings.py": SETTINGS, "config/urls.py": URLS},
    "crud": {"config/settings.py": SETTINGS},
}
# What does not end in a plural's "s", though it looks so, and what ends in another.
SAME = {"data", "media", "news", "series", "species", "means", "sms", "gps"}
IRREGULAR = {
    "analyses": "analysis",
    "children": "child",
    "criteria": "criterion",
    "movies": "movie",
    "people": "person",
    "uses": "use",
}


class Command(BaseCommand):
    requires_system_checks = []  # a project that is not quite right may grow, too
    help = "Make an app: every layer with a first test, its owner, its place in settings and URLs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "name", nargs="?", default="", help="what the app is about, in the plural: invoices"
        )
        parser.add_argument("--team", default="", help="who owns it; one of teams.toml")
        parser.add_argument("--purpose", default="", help="what it is for, in one sentence")
        parser.add_argument(
            "--profile",
            default="layered",
            help="crud: models, ModelAdmin and forms, for what staff keep by hand",
        )
        parser.add_argument("--dry-run", action="store_true", help="show what would be written")

    def handle(self, *args: Any, **options: Any) -> None:
        root: Path = settings.BASE_DIR
        name, team, profile = options["name"], options["team"], options["profile"]
        problems = (
            name and why_no_name(name, root=root),
            why_no_team(team, name=name, root=root),
            why_no_profile(profile),
        )
        for problem in problems:
            if problem:
                raise CommandError(f"{problem} Nothing was written.")
        words = words_for(name) | {"team": team, "profile": profile}
        words["purpose"] = in_toml(options["purpose"]) or f"{words['Title']}: say what it is for"
        made = new_files(words, root=root)
        changed = changed_files(words, root=root)
        if options["dry_run"]:
            for path in sorted(made):
                self.stdout.write(f"would write   {path}")
            for path, text in changed.items():
                self.stdout.write(f"would change  {path}")
                for line in difflib.ndiff((root / path).read_text().split("\n"), text.split("\n")):
                    if line.startswith("+"):
                        self.stdout.write(f"                {line}")
            self.stdout.write("would derive  .github/CODEOWNERS, catalog-info.yaml")
            return
        write(tidied(made, root=root) | changed, app=name, root=root)
        for path in sorted(made):
            self.stdout.write(f"wrote    {path}")
        for path in changed:
            self.stdout.write(f"changed  {path}")
        self.stdout.write("derived  .github/CODEOWNERS, catalog-info.yaml")
        self.stdout.write("Next: make setup, which applies its migration, then make check. Start")
        self.stdout.write("`make dev` anew: a worker does not reload. `git status` shows it all.")


def why_no_team(team: str, *, name: str, root: Path) -> str:
    """Return why this team cannot own an app; "" if it can."""
    try:
        teams = ownership.read_teams(root / "teams.toml")
    except ownership.Malformed as error:
        return str(error)
    if not name:
        return f"An app has a name and an owner: make app name=invoices team={next(iter(teams))}."
    if team not in teams:
        known = ", ".join(sorted(teams))
        said = f"There is no team {team!r}." if team else f"Whose is {name}?"
        return f"{said} Say --team (in make: team=) with one of teams.toml: {known}."
    return ""


def why_no_profile(profile: str) -> str:
    """Return why there can be no app of this profile; "" if there can."""
    if profile not in ownership.PROFILES:
        return f"There is no profile {profile!r}. One of: {', '.join(ownership.PROFILES)}."
    return ""


def why_no_name(name: str, *, root: Path) -> str:
    """Return why an app cannot have this name, with one that would do; "" if it can."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or not 2 <= len(name) <= 30:
        words = re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())
        better = "_".join(words).lstrip("0123456789_")[:30].rstrip("_")
        if len(better) < 2 or (root / "apps" / better).exists():
            better = "invoices"
        return (
            f"An app cannot be called {name!r}: 2 to 30 lower-case letters and digits, a letter"
            f" first, single underscores between words. Try {better!r}."
        )
    # (Git takes an app away and leaves its __pycache__: that is no app.)
    if any(path.parent.name != "__pycache__" for path in (root / "apps" / name).rglob("*.*")):
        return f"apps/{name} is there already."
    if why := _why_taken(name, root=root):
        others = (f"{name.removesuffix('s')}s", f"{name}_desk", "invoices")
        better = next(n for n in others if len(n) <= 30 and not _why_taken(n, root=root))
        return f"The name {name!r} is taken: {why}. Try {better!r}."
    return ""


def _why_taken(name: str, *, root: Path) -> str:
    if keyword.iskeyword(name) or keyword.iskeyword(words_for(name)["Model"]):
        return "Python has a word for it"
    if name in (*LAYERS, *BESIDE_THE_LAYERS, *NOT_READ):
        return "it is what a layer of an app is called"
    if name in {config.label for config in apps.get_app_configs()}:
        return "Django or a package has an app of that name"
    if name in sys.stdlib_module_names:
        return "Python has a module of that name"
    if (root / name).exists():
        return f"the project has {name}/ already"
    if find_spec(name):
        return "a package of that name is installed"
    path = name.replace("_", "-")
    if f'"{path}/"' in (root / "config/urls.py").read_text(encoding="utf-8"):
        return f"config/urls.py leads /{path}/ elsewhere"
    return ""


def words_for(name: str) -> dict[str, str]:
    """Return what the templates call things: `invoice_lines` holds an `InvoiceLine`."""
    *first, last = name.split("_")
    one = "_".join([*first, singular(last)])
    camel = "".join(part.capitalize() for part in one.split("_"))
    # Django allows an index's name 30 letters, and no two may be the same.
    short = name if len(name) <= 23 else f"{name[:14]}_{zlib.crc32(name.encode()):08x}"
    return {
        "app": name,
        "App": "".join(part.capitalize() for part in name.split("_")),
        "Title": name.replace("_", " ").capitalize(),
        "path": name.replace("_", "-"),
        "index": f"{short}_newest",
        "model": one,
        "model_plural": name if name != one else f"{name}_list",
        "Model": camel,
        "Model_lower": camel.lower(),
        "Model_plural": "".join(part.capitalize() for part in name.split("_")),
    }


def singular(word: str) -> str:
    """Return one of what an English word counts. A guess: rename the model where it is wrong."""
    if word in IRREGULAR:
        return IRREGULAR[word]
    if word in SAME or len(word) < 4 or re.search(r"(ss|us|is)$", word):
        return word
    if re.search(r"[^aeiou]ies$", word) and len(word) > 4:
        return f"{word[:-3]}y"
    if re.search(r"(ss|sh|[^a]ch|x|zz|ias|[^ao]us)es$", word):
        return word[:-2]
    return word.removesuffix("s")


def in_toml(text: str) -> str:
    """Return text as it stands between quotes in a TOML file, on one line."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line.replace("\\", "\\\\").replace('"', '\\"')


def new_files(words: dict[str, str], *, root: Path) -> dict[str, str]:
    """Return path → text of the app's own files."""
    app = f"apps/{words['app']}"
    files = {f"{app}/{folder}__init__.py": "" for folder in ("", "migrations/", "tests/")}
    for path, template in FILES[words["profile"]].items():
        files[f"{app}/{Template(path).substitute(words)}"] = _filled(template, words)
    runbook = f"docs/runbooks/{words['app']}.md"
    # One that is there is somebody's knowledge of an app that was there before.
    if not (root / runbook).exists():
        files[runbook] = _filled("runbook.md-tpl", words)
    return files


def _filled(template: str, words: dict[str, str]) -> str:
    return Template((TEMPLATE / template).read_text(encoding="utf-8")).substitute(words)


def changed_files(words: dict[str, str], *, root: Path) -> dict[str, str]:
    """Return path → text of the files that must know of the app.

    Raises `CommandError` where a marker line is gone, before anything is written.
    """
    files = {}
    for path, markers in MARKERS[words["profile"]].items():
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


def tidied(files: dict[str, str], *, root: Path) -> dict[str, str]:
    """Sort imports and wrap lines: both depend on how long the names are.

    Raises `CommandError` where ruff is missing or fails.
    """
    ruff = [sys.executable, "-m", "ruff"]
    ours = ["--quiet", "--no-cache", "--config", str(root / "pyproject.toml")]
    ours += ["--config", 'lint.isort.known-first-party = ["apps", "conventions"]']
    with tempfile.TemporaryDirectory() as folder:
        for path, text in files.items():
            (Path(folder) / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(folder) / path).write_text(text, encoding="utf-8")
        for command in (["check", *ours, "--select", "I", "--fix"], ["format", *ours]):
            done = subprocess.run(
                [*ruff, *command, folder], cwd=root, capture_output=True, text=True
            )
            if done.returncode:
                raise CommandError(
                    "ruff, which tidies what is written, failed (`make setup` installs it)."
                    f" Nothing was written.\n{done.stdout}{done.stderr}".rstrip()
                )
        return {path: (Path(folder) / path).read_text(encoding="utf-8") for path in files}


def write(files: dict[str, str], *, app: str, root: Path) -> None:
    """Write all files and what is derived from them, or none of it. Raises `CommandError`."""
    derived = ".github/CODEOWNERS", "catalog-info.yaml"
    before = {
        path: (root / path).read_bytes() if (root / path).exists() else None
        for path in (*files, *derived)
    }
    try:
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8", newline="\n")
        ownership.write(root=root)
    except BaseException as error:
        shutil.rmtree(root / "apps" / app, ignore_errors=True)
        for path, content in before.items():
            if content is not None:
                (root / path).write_bytes(content)
            else:
                (root / path).unlink(missing_ok=True)
        if isinstance(error, OSError | ownership.Malformed | KeyboardInterrupt):
            said = str(error) or "Stopped."
            raise CommandError(f"{said} What was written is undone.") from None
        raise
