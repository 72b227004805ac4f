"""The project as the rules see it: apps, modules, and what a name in a module stands for."""

import ast
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from trellis import ownership
from trellis.ownership import StrPath

if TYPE_CHECKING:
    from trellis.checks.layout.waivers import Waiver

# From the top of an app to its bottom. A layer uses those beneath it; those that stand beside each
# other do not know each other, but for these.
BESIDE_EACH_OTHER = ({"services", "tasks"}, {"exceptions", "types"})
ROWS = (
    ("urls",),
    ("api", "views", "admin", "management", "templatetags"),
    ("forms",),
    ("services", "tasks"),
    ("clients",),
    ("selectors",),
    ("caches",),
    ("models",),
    ("exceptions", "types"),
)
RANK = {layer: rank for rank, row in enumerate(ROWS) for layer in row}
DOORS = ROWS[1]
FRONT_DOOR = ("services", "selectors", "types", "exceptions")  # what other apps may use
BESIDE_THE_LAYERS = ("apps", "migrations", "tests")
NOT_LOOKED_INTO = ("migrations", "tests")  # no rule is about what is in there
PLACEHOLDERS_IN = ("", ".github", "docs")  # where one of the template's could be left
WAIVER_SIGN = "# layout:"
LARGEST = 1 << 20  # bytes of a file outside of the apps that are looked at

ASKED_FOR = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.With, ast.Assign),
    *(ast.Import, ast.ImportFrom, ast.Call, ast.Attribute),
)
# The fields of each kind of node that hold others: all but those that hold words.
WORDS = {"arg", "asname", "attr", "ctx", "kind", "level", "module", "name", "names", "op", "ops"}
INSIDE: dict[type, list[str]] = {ast.Name: [], ast.Constant: []}

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


# Plain classes, and no pathlib: the standard library's dataclasses take longer to load than the
# check to run, and it runs while somebody waits for a new project.


class Module:
    """One Python file of an app."""

    def __init__(self, *, path: str, app: str, layer: str, source: str, tree: ast.Module) -> None:
        self.path = path
        self.dotted = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        self.app = app
        self.layer = layer
        self.source = source
        self.tree = tree

    def of(self, kind: type[Node]) -> list[Node]:
        """Every node of one of the kinds that rules ask for, wherever in the file it stands."""
        return self._by_kind[kind]  # type: ignore[return-value]

    @cached_property
    def _by_kind(self) -> dict[type[ast.AST], list[ast.AST]]:
        by_kind: dict[type[ast.AST], list[ast.AST]] = {kind: [] for kind in ASKED_FOR}
        nodes: list[ast.AST] = [self.tree]
        for node in nodes:
            kind = node.__class__
            if kind not in INSIDE:  # what is no node has no fields
                fields = getattr(kind, "_fields", ())
                INSIDE[kind] = [name for name in fields if name not in WORDS]
            if kind in by_kind:
                by_kind[kind].append(node)
            for name in INSIDE[kind]:
                value = getattr(node, name, None)
                if value.__class__ is list:
                    nodes += value
                elif value is not None:  # most that may be left out is
                    nodes.append(value)
        return by_kind

    @cached_property
    def definitions(self) -> list[Function]:
        """Every function, wherever in the file it stands."""
        return [*self.of(ast.FunctionDef), *self.of(ast.AsyncFunctionDef)]

    @cached_property
    def names(self) -> dict[str, str]:
        """What each local name stands for: imports anywhere in the file, and plain aliases."""
        names = {local: dotted for _, local, dotted in self.imports}
        for node in self.of(ast.Assign):
            value = node.value
            if isinstance(value, ast.Call) and _last_name(value.func) == "partial" and value.args:
                value = value.args[0]
            elif isinstance(value, ast.Call) and not _is_getattr(value):
                continue
            meant = _dotted(value, names)
            for target in node.targets if meant else ():
                if isinstance(target, ast.Name) and target.id not in names:
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
        by_string = {"import_module", "__import__", "import_string"}
        for source in self.of(ast.ImportFrom):
            start = package[: len(package) - source.level + 1] if source.level else []
            base = ".".join([*start, *([source.module] if source.module else [])])
            for alias in source.names:
                yield source, alias.asname or alias.name, f"{base}.{alias.name}"
                if alias.asname and alias.name in by_string:
                    by_string.add(alias.asname)
        for call in self.of(ast.Call):
            if call.args and _last_name(call.func) in by_string:
                named, *others = [*call.args, *(word.value for word in call.keywords)]
                if dotted := self.text(named):
                    beside = "".join(self.text(one) for one in others)
                    yield call, "", f"{beside}{dotted}" if dotted.startswith(".") else dotted

    def meaning(self, node: ast.AST) -> str:
        """Return the dotted name an expression stands for; "" where it is none.

        `m.User.objects` after `from apps.accounts import models as m` is
        "apps.accounts.models.User.objects". The chain goes on through calls, `[...]`, `await`
        and `getattr` of a literal; where it begins with something else, it begins with a dot.
        """
        return _dotted(node, self.names)

    def value(self, node: ast.expr | None) -> ast.expr | None:
        """Return what a name was set to at the top of the file, and anything else as it is."""
        return self._constants.get(node.id, node) if isinstance(node, ast.Name) else node

    def text(self, node: ast.expr | None) -> str:
        """Return a string that is written out, here or in a constant of the file; else ""."""
        value = self.value(node)
        said = value.value if isinstance(value, ast.Constant) else ""
        return said if isinstance(said, str) else ""

    @cached_property
    def _constants(self) -> dict[str, ast.expr]:
        found: dict[str, ast.expr] = {}
        for statement in self.tree.body:
            if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value:
                one = isinstance(statement, ast.AnnAssign)
                for target in [statement.target] if one else statement.targets:  # type: ignore[union-attr]
                    if isinstance(target, ast.Name):
                        found[target.id] = statement.value
        return found

    @cached_property
    def functions(self) -> list[Function]:
        """The functions at the top of the file, also those beneath an `if` or a `try` there."""
        found: list[Function] = []
        blocks = [self.tree.body]
        for block in blocks:
            for node in block:
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    found.append(node)
                elif isinstance(node, ast.If | ast.Try | ast.With):
                    blocks += [getattr(node, name, []) for name in ("body", "orelse", "finalbody")]
                    blocks += [handler.body for handler in getattr(node, "handlers", [])]
        return found

    @property
    def public_functions(self) -> list[Function]:
        return [function for function in self.functions if not function.name.startswith("_")]

    @cached_property
    def calls(self) -> list[tuple[ast.Call, str]]:
        """(call, dotted name of what is called) of every call."""
        return [(call, self.meaning(call.func)) for call in self.of(ast.Call)]

    @cached_property
    def attributes(self) -> list[tuple[ast.expr, str]]:
        """(node, name) of every attribute that is used, also by `getattr` of a literal."""
        return [
            *((node, node.attr) for node in self.of(ast.Attribute)),
            *((call, self.text(call.args[1])) for call in self.of(ast.Call) if _is_getattr(call)),
        ]

    def around(self, node: ast.AST) -> Function | None:
        """Return the innermost function that a node stands in."""
        line = getattr(node, "lineno", 0)
        inside = [one for one in self.definitions if one.lineno <= line <= (one.end_lineno or 0)]
        return max(inside, key=lambda one: one.lineno, default=None)

    @property
    def has_code(self) -> bool:
        """Whether there is more in it than a docstring."""
        return not is_docstring(self.tree.body)

    def at(self, node: ast.AST) -> Place:
        return Place(self.path, getattr(node, "lineno", 1))


def is_docstring(body: list[ast.stmt]) -> bool:
    """Whether that is all there is, or nothing at all."""
    return all(isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant) for one in body)


def _dotted(node: ast.AST, names: dict[str, str]) -> str:
    parts: list[str] = []
    while True:  # no recursion: a chain may be longer than Python's stack
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Name):
            parts.append(names.get(node.id, node.id))
            return ".".join(reversed(parts))
        elif isinstance(node, ast.Call):
            if _is_getattr(node):
                parts.append(node.args[1].value)  # type: ignore[attr-defined]
                node = node.args[0]
            else:
                node = node.func
        elif isinstance(node, ast.Subscript | ast.Await):
            node = node.value
        else:
            return ".".join(["", *reversed(parts)]) if parts else ""


def _is_getattr(call: ast.Call) -> bool:
    """Whether it is `getattr(something, "a literal")`: an attribute in disguise."""
    return (
        isinstance(call.func, ast.Name)
        and call.func.id == "getattr"
        and len(call.args) > 1
        and _is_text(call.args[1])
    )


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


class App:
    """One folder of `apps/`."""

    def __init__(self, *, name: str, path: str) -> None:
        self.name = name
        self.path = path
        self.files: list[str] = []  # every file, tests and all
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

    def may_use(self, other: str) -> bool:
        """It says so. (Where its OWNERS.toml cannot be read, that is all there is to mend.)"""
        return bool(self.owners_fault) or other in self.depends_on


class Project:
    """Everything the rules look at, read once."""

    def __init__(self, *, root: StrPath, today: date) -> None:
        self.root = os.fspath(root)
        self.today = today
        self.apps: list[App] = []
        self.strays: list[str] = []  # Python files in apps/, but in no app
        self.handmade: list[str] = []  # folders in apps/ that are not yet an app
        self.unreadable: list[Unreadable] = []
        self.found: dict[object, Any] = {}  # what several rules ask for

    @property
    def modules(self) -> Iterator[Module]:
        for app in self.apps:
            yield from app.modules

    @cached_property
    def app_names(self) -> set[str]:
        return {app.name for app in self.apps}

    @cached_property
    def waivers(self) -> list["Waiver"]:
        """Every excuse that a comment in an app's module makes."""
        marked = [module for module in self.modules if WAIVER_SIGN in module.source]
        if not marked:
            return []
        from trellis.checks.layout import waivers  # dear to load, and seldom needed

        return [one for module in marked for one in waivers.of(module, today=self.today)]

    @cached_property
    def functions(self) -> dict[str, tuple[Module, Function]]:
        """The functions at the top of all modules, by dotted name: also that of their package."""
        found = {}
        for module in self.modules:
            for function in module.functions:
                found[f"{module.dotted}.{function.name}"] = module, function
                if module.dotted.startswith(f"apps.{module.app}.{module.layer}."):
                    short = f"apps.{module.app}.{module.layer}.{function.name}"
                    found.setdefault(short, (module, function))
        return found

    def origin(self, dotted: str) -> str:
        """Return where a name comes from: `apps.a.services.B`, imported there, is another's."""
        for _ in range(9):  # a chain of re-exports may go round
            module, _, name = dotted.rpartition(".")
            beyond = self._names.get(module, {}).get(name)
            if not beyond or beyond == dotted:
                break
            dotted = beyond
        return dotted

    @cached_property
    def _names(self) -> dict[str, dict[str, str]]:
        return {module.dotted: module.names for module in self.modules}

    def lines_with(self, *words: bytes, folders: Iterable[str]) -> Iterator[tuple[Place, bytes]]:
        """Every line with one of `words`, in files that stand in `folders` but not further down."""
        for folder in folders:
            for entry in _entries(f"{self.root}/{folder}"):
                if entry.is_symlink() or not entry.is_file() or entry.stat().st_size > LARGEST:
                    continue
                text = read_bytes(entry.path)
                if any(word in text for word in words):
                    path = f"{folder}/{entry.name}".lstrip("/")
                    for number, line in enumerate(text.splitlines(), 1):
                        if any(word in line for word in words):
                            yield Place(path, number), line


def read(root: StrPath, *, today: date = date.max) -> Project:
    """Read the project at `root`; a file that cannot be read is in its `unreadable`.

    Raises `Unreadable` only where there are no apps to read at all.
    """
    project = Project(root=root, today=today)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd escapes: they are ruff's trade
        _read_apps(project)
    return project


def _read_apps(project: Project) -> None:
    try:
        entries = sorted(os.scandir(f"{project.root}/apps"), key=lambda entry: entry.name)
    except OSError as error:
        raise Unreadable(Place("apps"), f"cannot be read: {why(error)}") from None
    for entry in entries:
        path = f"apps/{entry.name}"
        if entry.name.startswith(".") or entry.name == "__pycache__":
            continue
        if entry.is_dir(follow_symlinks=False):
            app = App(name=entry.name, path=f"{project.root}/{path}")
            _list(app, project=project)
            if {f"{path}/OWNERS.toml", f"{path}/__init__.py"} & {*app.files}:
                project.apps.append(app)
                _read(app, project=project)
            elif app.files:  # git leaves a folder of bytecode behind when an app goes
                project.handmade.append(path)
        elif entry.name.endswith(".py") or os.path.isdir(entry.path):
            try:
                # But for the empty file that makes a package of apps/.
                if entry.name != "__init__.py" or not is_docstring(_parsed(path, project)[1].body):
                    project.strays.append(path)
            except Unreadable as error:
                project.unreadable.append(error)


def _list(app: App, *, project: Project) -> None:
    """Find an app's files. A link is not followed: it could lead anywhere, or round."""
    folders = [f"apps/{app.name}"]
    for folder in folders:
        try:
            entries = sorted(os.scandir(f"{project.root}/{folder}"), key=lambda entry: entry.name)
        except OSError as error:
            project.unreadable.append(Unreadable(Place(folder), f"cannot be read: {why(error)}"))
            continue
        for entry in entries:
            path = f"{folder}/{entry.name}"
            wrong = ""
            if entry.name.startswith(".") or entry.name == "__pycache__":
                continue
            if entry.is_symlink():
                if entry.name.endswith(".py") or os.path.isdir(entry.path):
                    wrong = "is a link, and nobody looks behind it"
            elif entry.is_dir():
                folders.append(path)
                wrong = "is a folder" if entry.name.endswith(".py") else ""
            elif entry.is_file():
                app.files.append(path)
            elif entry.name.endswith(".py"):
                wrong = "is no file"
            if wrong:
                project.unreadable.append(Unreadable(Place(path), wrong))


def _read(app: App, *, project: Project) -> None:
    try:
        app.owners = ownership.read_owners(f"{app.path}/OWNERS.toml")
    except ownership.Malformed as fault:
        app.owners_fault = fault
    for path in app.files:
        layer = path.split("/")[2].removesuffix(".py")
        if path.endswith(".py") and layer not in NOT_LOOKED_INTO:
            try:
                source, tree = _parsed(path, project)
            except Unreadable as error:
                project.unreadable.append(error)
            else:
                module = Module(path=path, app=app.name, layer=layer, source=source, tree=tree)
                app.modules.append(module)


def _parsed(path: str, project: Project) -> tuple[str, ast.Module]:
    try:
        with open(f"{project.root}/{path}", encoding="utf-8-sig") as file:
            source = file.read()
    except UnicodeDecodeError as error:
        line = read_bytes(f"{project.root}/{path}")[: error.start].count(b"\n") + 1
        raise Unreadable(Place(path, line), "is not UTF-8") from None
    except OSError as error:
        raise Unreadable(Place(path), f"cannot be read: {why(error)}") from None
    if "\0" in source:
        place = Place(path, source[: source.index("\0")].count("\n") + 1)
        raise Unreadable(place, "holds a null byte")
    try:
        return source, ast.parse(source)
    except SyntaxError as error:
        python = f"Python {sys.version_info.major}.{sys.version_info.minor}"
        place = Place(path, error.lineno or 1)
        raise Unreadable(place, f"is not valid in {python}: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise Unreadable(Place(path), f"cannot be parsed: {error or 'too deeply nested'}") from None


def _entries(folder: str) -> Iterable["os.DirEntry[str]"]:
    try:
        return sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return ()  # no such folder: nothing to say


def read_bytes(path: str) -> bytes:
    """Return what is in a file that no rule takes for code; b"" where it cannot be read."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read()
    except OSError:
        return b""


def why(error: OSError) -> str:
    return error.strerror or str(error)
