"""Writing a new app (`manage.py startapp`, `make app`).

What it writes passes `make check` as it stands. Everything is checked before anything is written,
and if writing fails, what was written is removed again.
"""

import keyword
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path
from string import Template

from django.apps import apps

from trellis import ownership
from trellis.checks import layers

TEMPLATES = Path(__file__).parent.parent / "app_template"
LONGEST_NAME = 23  # its index is called NAME_newest, and Django allows an index 30 characters

# Layer → (the file to write, its template). The layers of "" are always written.
FILES = {
    "": {
        "OWNERS.toml": "OWNERS.toml-tpl",
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
        "tests/test_selectors.py": "test_selectors.py-tpl",
        "tests/test_services.py": "test_services.py-tpl",
        "tests/test_views.py": "test_views.py-tpl",
    },
    "admin": {"admin.py": "admin.py-tpl", "tests/test_admin.py": "test_admin.py-tpl"},
    "api": {"api.py": "api.py-tpl", "tests/test_api.py": "test_api.py-tpl"},
    "caches": {"caches.py": "caches.py-tpl"},
    "clients": {
        "clients.py": "clients.py-tpl",
        "templates/$app/mail/confirmation.txt": "confirmation.txt-tpl",
        "tests/test_clients.py": "test_clients.py-tpl",
    },
    "forms": {
        "forms.py": "forms.py-tpl",
        "templates/$app/add_$model.html": "add.html-tpl",
        "tests/test_forms.py": "test_forms.py-tpl",
    },
    "tasks": {"tasks.py": "tasks.py-tpl", "tests/test_tasks.py": "test_tasks.py-tpl"},
}
OPTIONAL = tuple(layer for layer in FILES if layer)
NEEDS = {"tasks": "clients"}  # the task of the template sends a mail

ACCESS_MARKER = "    # startapp adds URLs above this line"
# The lines to add to files of the project: (layer, file, the line that marks the place, new line).
PLACES = (
    ("", "config/settings.py", "    # startapp adds apps above this line", '    "apps.$app",'),
    (
        "",
        "config/urls.py",
        "    # startapp adds urls above this line",
        '    path("$path/", include("apps.$app.urls")),',
    ),
    (
        "api",
        "config/urls.py",
        "# startapp adds API routers above this line",
        'api.add_router("/$path", "apps.$app.api.router")',
    ),
    ("", "tests/test_project.py", ACCESS_MARKER, '    "$path/": "GET signed in",'),
    ("forms", "tests/test_project.py", ACCESS_MARKER, '    "$path/add/": "GET POST signed in",'),
    ("api", "tests/test_project.py", ACCESS_MARKER, '    "api/$path": "GET POST signed in",'),
)


class Refused(Exception):
    """The app cannot be written. The message says why, and that nothing was changed."""


def write_app(
    *, name: str, team: str, model: str, chosen: Collection[str], root: Path
) -> list[str]:
    """Write an app into the project in `root`. Returns the paths that were written or changed.

    `model` is the name of its model ("": the app's name in CamelCase), `chosen` are optional
    layers. Raises `Refused`.
    """
    reason = (
        _wrong_team(team, name=name, root=root)
        or _wrong_name(name, root=root)
        or _wrong_model(model)
        or _wrong_layers(chosen)
    )
    if reason:
        raise Refused(f"{reason} Nothing was written.")
    present = {*chosen, *(NEEDS[layer] for layer in chosen if layer in NEEDS)}
    words = _words(name, model=model) | {"team": team}
    files = _formatted(_new_files(words, chosen=present, root=root), root=root)
    files |= _changed_files(words, chosen=present, root=root)
    _write(files, app=name, root=root)
    return sorted([*files, ownership.CODEOWNERS])


def _wrong_team(team: str, *, name: str, root: Path) -> str:
    """Return why this team cannot own the app, or ""."""
    try:
        teams = ownership.read_teams(root / "teams.toml")
    except ownership.Malformed as error:
        return str(error)
    if not name:
        return f"An app needs a name and an owner: make app name=invoices team={next(iter(teams))}."
    if team not in teams:
        known = ", ".join(sorted(teams))
        missing = f"There is no team {team!r}." if team else f"Who owns {name}?"
        return f"{missing} Give --team (in make: team=) one of teams.toml: {known}."
    return ""


def _wrong_name(name: str, *, root: Path) -> str:
    """Return why an app cannot have this name, with a name that works, or ""."""
    allowed = re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name)
    if not allowed or not 2 <= len(name) <= LONGEST_NAME:
        words = re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())
        better = "_".join(words).lstrip("0123456789_")[:LONGEST_NAME].rstrip("_")
        if len(better) < 2 or _taken(better, root=root):
            better = "invoices"
        return (
            f"An app cannot be called {name!r}. Use 2 to {LONGEST_NAME} lower-case letters and"
            f" digits, a letter first, single underscores between words. Try {better!r}."
        )
    if reason := _taken(name, root=root):
        candidates = (f"{name.removesuffix('s')}s", f"{name[:18]}_desk", "invoices", "first_app")
        better = next(other for other in candidates if not _taken(other, root=root))
        return f"The name {name!r} is taken: {reason}. Try {better!r}."
    return ""


def _taken(name: str, *, root: Path) -> str:
    """Return why a well-formed name cannot be an app's, or ""."""
    # (After git removed an app, its __pycache__ is still there.)
    if any(path.parent.name != "__pycache__" for path in (root / "apps" / name).rglob("*.*")):
        return f"there is an app apps/{name}"
    if keyword.iskeyword(name):
        return "it is a word of Python"
    if name in layers.LAYERS or name in (*layers.BESIDE_THE_LAYERS, *layers.NOT_READ):
        return "it is the name of a layer"
    if name in {config.label for config in apps.get_app_configs()}:
        return "Django or a package has an app of that name"
    if name in sys.stdlib_module_names:
        return "Python has a module of that name"
    if (root / name).exists():
        return f"the project has a folder {name}/"
    if find_spec(name):
        return "a package of that name is installed"
    path = name.replace("_", "-")
    if f'"{path}/"' in (root / "config/urls.py").read_text(encoding="utf-8"):
        return f"the address /{path}/ is used in config/urls.py"
    return ""


def _wrong_model(model: str) -> str:
    if model and (not re.fullmatch(r"[A-Z][A-Za-z0-9]{0,39}", model) or keyword.iskeyword(model)):
        return (
            f"A model cannot be called {model!r}. Use a class name of at most 40 letters and"
            " digits, such as 'Invoice' or 'StockEntry'."
        )
    return ""


def _wrong_layers(chosen: Collection[str]) -> str:
    if unknown := [layer for layer in chosen if layer not in OPTIONAL]:
        return f"There is no layer {unknown[0]!r} to add. Use --with: {','.join(OPTIONAL)}."
    return ""


def _words(name: str, *, model: str) -> dict[str, str]:
    """Return what the templates call things."""
    camel_case = "".join(part.capitalize() for part in name.split("_"))
    model = model or camel_case
    return {
        "app": name,
        "App": camel_case,
        "Title": name.replace("_", " ").capitalize(),
        "title": name.replace("_", " "),
        "path": name.replace("_", "-"),
        "Model": model,
        "model": re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", model).lower(),
        "model_label": model.lower(),  # as Django's names of admin pages have it
    }


def _new_files(words: dict[str, str], *, chosen: Collection[str], root: Path) -> dict[str, str]:
    """Return path → text of the files of the app itself."""
    app = f"apps/{words['app']}"
    files = {f"{app}/{folder}__init__.py": "" for folder in ("", "migrations/", "tests/")}
    for layer in ("", *chosen):
        for path, template in FILES[layer].items():
            files[f"{app}/{Template(path).substitute(words)}"] = _filled(template, words, chosen)
    runbook = f"docs/runbooks/{words['app']}.md"
    if not (root / runbook).exists():  # somebody wrote it for an app that was here before
        files[runbook] = _filled("runbook.md-tpl", words, chosen)
    return files


def _filled(template: str, words: dict[str, str], chosen: Collection[str]) -> str:
    """Return a template's text. Lines from `%with LAYER` to `%end` need that layer."""
    lines, keep = [], True
    for line in (TEMPLATES / template).read_text(encoding="utf-8").splitlines(keepends=True):
        if line.startswith("%with "):
            keep = line.split()[1] in chosen
        elif line.startswith("%end"):
            keep = True
        elif keep:
            lines.append(line)
    return Template("".join(lines)).substitute(words)


def _changed_files(words: dict[str, str], *, chosen: Collection[str], root: Path) -> dict[str, str]:
    """Return path → text of the project's files that name the app. Raises `Refused`."""
    files: dict[str, str] = {}
    for layer, path, marker, line in PLACES:
        if layer and layer not in chosen:
            continue
        text = files.get(path) or (root / path).read_text(encoding="utf-8")
        if f"{marker}\n" not in text:
            raise Refused(
                f"{path} has no line {marker.strip()!r}, which marks the place for the app."
                " Put it back. Nothing was written."
            )
        added = Template(line).substitute(words)
        files[path] = text.replace(f"{marker}\n", f"{added}\n{marker}\n")
    return files


def _formatted(files: dict[str, str], *, root: Path) -> dict[str, str]:
    """Sort imports and wrap lines, because both depend on the names. Raises `Refused`."""
    settings = ["--quiet", "--no-cache", "--config", str(root / "pyproject.toml")]
    settings += ["--config", 'lint.isort.known-first-party = ["apps"]']
    with tempfile.TemporaryDirectory() as folder:
        for path, text in files.items():
            (Path(folder) / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(folder) / path).write_text(text, encoding="utf-8")
        for command in (["check", "--select", "I", "--fix"], ["format"]):
            done = subprocess.run(
                [sys.executable, "-m", "ruff", *command, *settings, folder],
                cwd=root,
                capture_output=True,
                text=True,
            )
            if done.returncode:
                raise Refused(
                    "ruff, which formats the new files, failed (`make setup` installs it)."
                    f" Nothing was written.\n{done.stdout}{done.stderr}".rstrip()
                )
        return {path: (Path(folder) / path).read_text(encoding="utf-8") for path in files}


def _write(files: dict[str, str], *, app: str, root: Path) -> None:
    """Write all files and CODEOWNERS, or none of them. Raises `Refused`."""
    before = {
        path: (root / path).read_bytes() if (root / path).exists() else None
        for path in (*files, ownership.CODEOWNERS)
    }
    try:
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8", newline="\n")
        ownership.write(root=root)
    except BaseException as error:
        shutil.rmtree(root / "apps" / app, ignore_errors=True)
        for path, content in before.items():
            if content is None:
                (root / path).unlink(missing_ok=True)
            else:
                (root / path).write_bytes(content)
        if isinstance(error, OSError | ownership.Malformed | KeyboardInterrupt):
            raise Refused(f"{str(error) or 'Stopped.'} What was written is removed.") from None
        raise
