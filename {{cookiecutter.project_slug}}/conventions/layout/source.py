"""The project as the rules see it: apps, modules, and what a name in a module stands for."""

import ast
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, TypeVar

from conventions import ownership

# From the top of an app to its bottom. A layer uses those beneath it; those in one row that
# stand beside each other do not know each other, but for `services` and `tasks`.
ROWS = (
    ("urls",),
    ("api", "views", "admin", "management"),
    ("forms",),
    ("services", "tasks"),
    ("clients",),
    ("selectors",),
    ("caches",),
    ("models",),
    ("exceptions", "types"),
)
RANK = {layer: rank for rank, row in enumerate(ROWS) for layer in row}
DOORS = ("api", "views", "admin", "management")
FRONT_DOOR = ("services", "selectors", "types", "exceptions")  # what other apps may use
BESIDE_THE_LAYERS = ("apps", "migrations", "tests", "templatetags")
NOT_OURS = {".git", ".venv", ".tools", "node_modules", "var", "__pycache__", "vendor"}
NOT_LOOKED_INTO = ("migrations", "tests")  # no rule is about what is in there

Function = ast.FunctionDef | ast.AsyncFunctionDef
Node = TypeVar("Node", bound=ast.AST)


class Place(NamedTuple):
    """Somewhere a violation is, relative to the project's root."""

    path: str
    line: int = 1


class Unreadable(Exception):
    """A file that could not be read or parsed."""

    def __init__(self, place: Place, why: str) -> None:
        super().__init__(why)
        self.place = place
        self.why = why


# Plain classes: the standard library's dataclasses take longer to load than the check to run,
# and it runs while somebody waits for a new project.


class Module:
    """One Python file of an app."""

    def __init__(self, *, path: str, app: str, layer: str, source: str, tree: ast.Module) -> None:
        self.path = path
        self.dotted = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        self.app = app
        self.layer = layer
        self.source = source
        self.tree = tree

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node (but of contexts, which say nothing here), walked once for all rules."""
        nodes: list[ast.AST] = [self.tree]
        for node in nodes:
            for name in node._fields:
                value = getattr(node, name, None)
                if isinstance(value, list):
                    nodes += [one for one in value if isinstance(one, ast.AST)]
                elif isinstance(value, ast.AST) and not isinstance(value, ast.expr_context):
                    nodes.append(value)
        return nodes

    def of(self, kind: type[Node]) -> list[Node]:
        """Every node of one kind. (Sorted by kind once: most rules ask for one or two.)"""
        return self._by_kind.get(kind, [])  # type: ignore[return-value]

    @cached_property
    def definitions(self) -> list[Function]:
        """Every function, wherever in the file it stands."""
        return [*self.of(ast.FunctionDef), *self.of(ast.AsyncFunctionDef)]

    @cached_property
    def _by_kind(self) -> dict[type[ast.AST], list[ast.AST]]:
        by_kind: dict[type[ast.AST], list[ast.AST]] = {}
        for node in self.nodes:
            by_kind.setdefault(type(node), []).append(node)
        return by_kind

    @cached_property
    def names(self) -> dict[str, str]:
        """What each local name stands for: imports anywhere in the file, and plain aliases."""
        names: dict[str, str] = {}
        for _, local, dotted in self.imports:
            names[local] = dotted
        for node in self.of(ast.Assign):
            if isinstance(node.value, ast.Name | ast.Attribute):
                meant = _dotted(node.value, names)
                for target in node.targets:
                    if isinstance(target, ast.Name) and meant and target.id not in names:
                        names[target.id] = meant
        return names

    @cached_property
    def imports(self) -> list[tuple[ast.stmt | ast.expr, str, str]]:
        """(node, local name, dotted name) of every import, wherever in the file it stands."""
        return list(self._imports())

    def _imports(self) -> Iterator[tuple[ast.stmt | ast.expr, str, str]]:
        package = self.dotted.split(".")
        if not self.path.endswith("__init__.py"):
            package = package[:-1]
        for node in self.of(ast.Import):
            for alias in node.names:
                local = alias.asname or alias.name.partition(".")[0]
                yield node, local, alias.name if alias.asname else local
                if not alias.asname and "." in alias.name:
                    yield node, alias.name, alias.name
        for source in self.of(ast.ImportFrom):
            start = package[: len(package) - source.level + 1] if source.level else []
            base = ".".join([*start, *([source.module] if source.module else [])])
            for alias in source.names:
                yield source, alias.asname or alias.name, f"{base}.{alias.name}"
        for call in self.of(ast.Call):
            if _is_import_by_string(call) and isinstance(call.args[0], ast.Constant):
                yield call, "", str(call.args[0].value)

    def meaning(self, node: ast.AST) -> str:
        """Return the dotted name an expression stands for, or "" where it is not one.

        `m.Session.objects` after `from apps.catalog import models as m` is
        "apps.catalog.models.Session.objects".
        """
        return _dotted(node, self.names)

    @cached_property
    def functions(self) -> list[Function]:
        """The functions at the top of the file."""
        return [n for n in self.tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]

    @property
    def public_functions(self) -> list[Function]:
        return [function for function in self.functions if not function.name.startswith("_")]

    @cached_property
    def calls(self) -> list[tuple[ast.Call, str]]:
        """(call, dotted name of what is called) of every call."""
        return [(call, self.meaning(call.func)) for call in self.of(ast.Call)]

    @cached_property
    def comments(self) -> list[tuple[int, str]]:
        """(line, text) of every comment."""
        import tokenize  # dear to load, and only waivers need it
        from io import StringIO

        readline = StringIO(self.source).readline
        return [
            (token.start[0], token.string)
            for token in tokenize.generate_tokens(readline)
            if token.type == tokenize.COMMENT
        ]

    def at(self, node: ast.AST) -> Place:
        return Place(self.path, getattr(node, "lineno", 1))


def _is_import_by_string(call: ast.Call) -> bool:
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return bool(call.args) and name in {"import_module", "__import__", "import_string"}


def _dotted(node: ast.AST, names: dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        base = _dotted(node.value, names)
        return f"{base}.{node.attr}" if base else ""
    if isinstance(node, ast.Call):
        # `Session.objects.filter(...).update(...)`: the chain goes on through calls.
        return _dotted(node.func, names)
    return ""


class App:
    """One folder of `apps/`."""

    def __init__(self, *, name: str, path: Path, files: list[str]) -> None:
        self.name = name
        self.path = path
        self.files = files  # of every Python file, tests and all
        self.modules: list[Module] = []  # what the rules look into
        self.owners: dict[str, object] = {}
        self.owners_fault: ownership.Malformed | None = None

    def layer(self, name: str) -> list[Module]:
        return [module for module in self.modules if module.layer == name]

    @property
    def is_crud(self) -> bool:
        """It lives by ModelAdmin and forms, so its doors may write."""
        return self.owners.get("profile") == "crud"

    @property
    def depends_on(self) -> list[str]:
        declared = self.owners.get("depends_on", [])
        return [str(name) for name in declared] if isinstance(declared, list) else []


class Project:
    """Everything the rules look at, read once."""

    def __init__(
        self, *, root: Path, files: list[str], apps: list[App], unreadable: list[Unreadable]
    ) -> None:
        self.root = root
        self.files = files
        self.apps = apps
        self.unreadable = unreadable

    @property
    def modules(self) -> Iterator[Module]:
        for app in self.apps:
            yield from app.modules

    @cached_property
    def app_names(self) -> set[str]:
        return {app.name for app in self.apps}

    @cached_property
    def functions(self) -> set[str]:
        """The dotted names of all functions at the top of a module, and of the package it forms."""
        found = set()
        for module in self.modules:
            for function in module.functions:
                found.add(f"{module.dotted}.{function.name}")
                if module.layer not in module.dotted.split(".")[2:3]:
                    continue
                found.add(f"apps.{module.app}.{module.layer}.{function.name}")
        return found


def read(root: Path) -> Project:
    """Read the project at `root`. What cannot be read becomes an `Unreadable`, not an error."""
    apps, unreadable, files = [], [], list(_files(root))
    python: dict[str, list[str]] = {}
    for file in files:
        if file.startswith("apps/") and file.endswith(".py"):
            python.setdefault(file.split("/")[1], []).append(file)
    folder = root / "apps"
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if not path.is_dir() or path.name.startswith((".", "__")):
            continue
        app = App(name=path.name, path=path, files=python.get(path.name, []))
        apps.append(app)
        try:
            app.owners = ownership.read_owners(path / "OWNERS.toml")
        except ownership.Malformed as fault:
            app.owners_fault = fault
        for file in app.files:
            layer = file.split("/")[2].removesuffix(".py")
            if layer in NOT_LOOKED_INTO:
                continue
            try:
                app.modules.append(_module(file, app=app, layer=layer, root=root))
            except Unreadable as error:
                unreadable.append(error)
    return Project(root=root, files=files, apps=apps, unreadable=unreadable)


def _files(root: Path, folder: str = "") -> Iterator[str]:
    """Yield the path of every file of ours beneath `folder`, links not followed, in order."""
    try:
        entries = sorted(os.scandir(root / folder), key=lambda entry: entry.name)
    except OSError:
        return  # a folder that nobody may read has nothing to say
    for entry in entries:
        if entry.is_symlink() or entry.name in NOT_OURS or entry.name.endswith("_cache"):
            continue
        if entry.is_dir():
            yield from _files(root, f"{folder}{entry.name}/")
        else:
            yield f"{folder}{entry.name}"


def _module(path: str, *, app: App, layer: str, root: Path) -> Module:
    source = read_text(root / path, path=path)
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise Unreadable(Place(path, error.lineno or 1), f"syntax error: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise Unreadable(Place(path), f"cannot be parsed: {error}") from None
    return Module(path=path, app=app.name, layer=layer, source=source, tree=tree)


def read_text(file: Path, *, path: str) -> str:
    """Return a file's text. Raises `Unreadable` with its place."""
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = file.read_bytes()[: error.start].count(b"\n") + 1
        raise Unreadable(Place(path, line), "is not UTF-8") from None
    except OSError as error:
        raise Unreadable(Place(path), f"cannot be read: {error.strerror}") from None
