"""What the map of the apps shows: their owners, which ones they use, and what is in them.

It reads the code with the standard library alone, because production has no `trellis.checks`.
"""

import ast
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from celery import current_app
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import models
from django.urls import reverse
from django.utils.html import format_html
from django.utils.module_loading import autodiscover_modules

from trellis import ownership
from trellis.caching import figures
from trellis.caching.cached_read import all_caches
from trellis.models import FailedTask
from trellis.reads import rows
from trellis.tasks import catalogue

NOT_READ = {"tests", "migrations", "__pycache__"}
IN_TEMPLATES = re.compile(r"""\{%\s*(?:url|include|extends)\s+["'](\w+)[:/]""")
MODEL = re.compile(r"\w+\.[A-Z]\w*")  # how a relation names a model: "accounts.User"
PARTS = ("uses", "services", "selectors", "tasks", "caches", "waivers")
REMARKS = {
    "used": "",
    "unused": "declared in OWNERS.toml, and not used",
    "undeclared": "not declared in OWNERS.toml",
}


class Place(NamedTuple):
    """Where something stands: a path from the project's root, a line, a word to look for."""

    path: str
    line: int = 1
    word: str = ""

    @property
    def href(self) -> str:
        """The address of the file; "" for source code in production without SOURCE_URL."""
        if settings.SOURCE_URL:
            address = str(settings.SOURCE_URL).replace("{path}", quote(self.path))
            return address.replace("{line}", str(self.line))
        if not settings.DEBUG and not self.path.endswith(".md"):
            return ""
        fragment = f"#:~:text={quote(self.word)}" if self.word else ""
        return reverse("map_file", args=[self.path]) + fragment


class Item(NamedTuple):
    """A line in the list of an app: a service, a task, an app that it uses."""

    name: str
    place: Place | None
    facts: str = ""
    failed: int = 0  # tasks that failed for good, and wait for somebody
    kind: str = ""  # one of REMARKS, of an app that it uses

    @property
    def link(self) -> str:
        """The name as a link to its file, or with the path."""
        if self.place is None:
            return self.name
        where = f"{self.place.path}:{self.place.line}"
        if self.place.href:
            return format_html('<a href="{}" title="{}">{}</a>', self.place.href, where, self.name)
        return self.name if self.name == self.place.path else f"{self.name} ({where})"


@dataclass
class App:
    """An app, or with the name "" what belongs to none."""

    name: str
    purpose: str = ""
    team: str = ""
    contact: str = ""
    documents: list[Item] = field(default_factory=list)  # its OWNERS.toml and its runbook
    parts: dict[str, list[Item]] = field(default_factory=dict)  # in the order of PARTS
    used_by: list[str] = field(default_factory=list)

    @property
    def counts(self) -> list[str]:
        """How much there is of each part: "5 services", "1 cache"."""
        numbers = {part: len(items) for part, items in self.parts.items() if part != "uses"}
        return [f"{n} {part if n > 1 else part[:-1]}" for part, n in numbers.items()]

    @property
    def failed(self) -> int:
        return sum(item.failed for item in self.parts.get("tasks", []))

    @property
    def paths(self) -> set[str]:
        """The files that it links to."""
        items = (*self.documents, *(item for items in self.parts.values() for item in items))
        return {item.place.path for item in items if item.place and item.place.href}


class Code(NamedTuple):
    """What the files of the apps say."""

    functions: dict[str, Place]  # public ones, by their dotted names
    uses: dict[tuple[str, str], Place]  # where an app first uses another one
    faults: list[str]


def read(*, root: Path, live: bool) -> tuple[list[App], list[str]]:
    """Return the apps of the project at `root`, and what cannot be read.

    The last app stands for what belongs to none. `live` adds what only the database knows.
    """
    code = read_code(root)
    faults = [*code.faults]
    teams: ownership.Teams = {}
    found: list[tuple[str, str, Item]] = []
    try:
        failed, use = _figures() if live else ({}, {})
    except DatabaseError:
        failed, use = {}, {}
        faults.append("The database cannot be reached: failed tasks and hit rates are missing.")
    try:
        found += _waivers(root)
        teams = ownership.read_teams(root / "teams.toml")
    except ownership.Malformed as error:
        faults.append(str(error))
    names = sorted(path.parent.name for path in root.glob("apps/*/__init__.py"))
    apps = {name: App(name) for name in (*names, "")}
    apps[""].team = next(iter(teams), "")
    for name in names:
        try:
            owners = ownership.read_owners(root / "apps" / name / "OWNERS.toml")
        except ownership.Malformed as error:
            faults.append(str(error))
            owners = {}
        app = apps[name]
        app.team, app.purpose = owners.get("team", ""), owners.get("purpose", "")
        app.contact = teams.get(app.team, {}).get("contact", "")
        paths = (f"apps/{name}/OWNERS.toml", owners.get("runbook"))
        app.documents = [Item(path, Place(path)) for path in paths if path]
        found += ((name, "uses", item) for item in _uses(name, owners, code) if item.name in names)
    found += _items(code, failed, use)
    for name, part, item in sorted(found, key=lambda each: PARTS.index(each[1])):
        apps.get(name, apps[""]).parts.setdefault(part, []).append(item)
        if part == "uses":
            apps[item.name].used_by.append(name)
    return [*apps.values()], faults


def _figures() -> tuple[dict[str, int], dict[str, str]]:
    """Return the number of failed tasks and the use of caches, by name. Raises `DatabaseError`."""
    waiting = FailedTask.objects.filter(state=FailedTask.State.OPEN).order_by()
    failed = dict(waiting.values_list("name").annotate(models.Count("pk")))
    return failed, figures.last_week()


def _uses(name: str, owners: dict[str, Any], code: Code) -> Iterator[Item]:
    """Yield the apps that an app uses or may use. Without owners, all are called declared."""
    used = {other: place for (user, other), place in code.uses.items() if user == name}
    declared = owners.get("depends_on", []) if owners else used
    for other in sorted({*used, *declared}):
        kind = "undeclared" if other not in declared else "used" if other in used else "unused"
        place = used.get(other, Place(f"apps/{name}/OWNERS.toml", word=other))
        yield Item(other, place, REMARKS[kind], kind=kind)


@functools.cache  # the code of a running process does not change
def read_code(root: Path) -> Code:
    """Return what is in the modules and templates of the apps, without tests and migrations."""
    code = Code({}, {}, [])
    for path in sorted(root.glob("apps/*/**/*.*")):
        parts = path.relative_to(root).parts
        if path.suffix not in (".py", ".html", ".txt") or NOT_READ & {*parts}:
            continue
        place = Place("/".join(parts))
        try:
            text = path.read_text(encoding="utf-8-sig")
            reader = _in_python if path.suffix == ".py" else _in_template
            found = [*reader(text, place, code)]
        except (OSError, ValueError, SyntaxError, RecursionError) as error:
            code.faults.append(f"{place.path} cannot be read: {error}")
            continue
        for other, line, word in found:
            if other != parts[1]:
                code.uses.setdefault((parts[1], other), place._replace(line=line, word=word))
    return code


def _in_python(text: str, place: Place, code: Code) -> Iterator[tuple[str, int, str]]:
    """Yield (app, line, word) for each import and relation; note the public functions."""
    tree = ast.parse(text)
    *package, module = place.path.removesuffix(".py").split("/")
    dotted = ".".join([*package, module]).removesuffix(".__init__")
    for each in tree.body:
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and each.name[0] != "_":
            word = f"def {each.name}"
            code.functions[f"{dotted}.{each.name}"] = Place(place.path, each.lineno, word)
    for node in ast.walk(tree):
        start: list[str] = []
        if isinstance(node, ast.ImportFrom):
            start = package[: len(package) + 1 - node.level] if node.level else []
            start = [*start, *(node.module or "").split(".")]
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                parts = [part for part in (*start, *alias.name.split(".")) if part]
                if parts[0] == "apps" and len(parts) > 1:
                    yield parts[1], node.lineno, f"apps.{parts[1]}"
        elif "models" not in dotted.split("."):
            continue
        elif isinstance(node, ast.Attribute) and node.attr == "AUTH_USER_MODEL":
            yield settings.AUTH_USER_MODEL.split(".")[0], node.lineno, node.attr
        elif isinstance(node, ast.Constant) and MODEL.fullmatch(str(node.value)):
            yield str(node.value).split(".")[0], node.lineno, str(node.value)


def _in_template(text: str, place: Place, code: Code) -> Iterator[tuple[str, int, str]]:
    """Yield (app, line, word) for each URL or template of an app that a template names."""
    for found in IN_TEMPLATES.finditer(text):
        yield found[1], text.count("\n", 0, found.start()) + 1, found[1]


def _items(
    code: Code, failed: dict[str, int], use: dict[str, str]
) -> Iterator[tuple[str, str, Item]]:
    """Yield (app, part, item) for all that stands in the code."""
    autodiscover_modules("selectors")  # a selector registers itself when it is imported
    for dotted, place in code.functions.items():
        app, layer, name = [*dotted.split(".", 3)[1:], "", ""][:3]
        if layer == "services":
            yield app, "services", Item(name, place)
        elif (budget := rows.budgets.get(dotted)) is not None:
            facts = "1 query" if budget == 1 else f"{budget} queries"
            yield app, "selectors", Item(name, place, facts)
    for task in catalogue.tasks_of(current_app):
        queue = task.queue_name or current_app.conf.task_default_queue
        schedule = catalogue.schedule_in_words(task.schedule, timezone=current_app.conf.timezone)
        facts = f"{schedule}, queue {queue}, retries {catalogue.retries_in_words(task)}"
        where = code.functions.get(f"{task.__module__}.{task.__qualname__}")
        item = Item(task.name, where, facts, failed.get(task.name, 0))
        yield _app_of(task.__module__), "tasks", item
    for cache in all_caches().values():
        facts = "; ".join([cache.bottleneck, *([use[cache.name]] if cache.name in use else [])])
        where = code.functions.get(f"{cache.load.__module__}.{cache.load.__qualname__}")
        yield _app_of(cache.load.__module__), "caches", Item(cache.name, where, facts)


def _waivers(root: Path) -> Iterator[tuple[str, str, Item]]:
    """Yield (app, "waivers", item) for each place in waivers.toml. Raises `Malformed`.

    What is wrong with a waiver is the check's business.
    """
    path = root / "waivers.toml"
    entries = ownership.read_toml(path, if_missing="").get("waiver") if path.exists() else []
    for entry in entries if isinstance(entries, list) else ():
        waiver = entry if isinstance(entry, dict) else {}
        count = waiver.get("count")
        for where in map(str, count if isinstance(count, dict) else [waiver.get("path")]):
            facts = f"{where}, until {waiver.get('until')}: {waiver.get('reason')}"
            item = Item(str(waiver.get("rule")), Place(path.name, word=where), facts)
            yield _app_of(where.replace("/", ".")), "waivers", item


def _app_of(dotted: str) -> str:
    """Return the app that a dotted name is in; "" for none."""
    head, app = [*dotted.split("."), ""][:2]
    return app if head == "apps" else ""
