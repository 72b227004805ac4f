"""The files of a project, read once for all rules. A file that cannot be read is a finding."""

import ast
import os
import re
import sys
import warnings
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from trellis import ownership
from trellis.checks.imports import Names
from trellis.checks.layers import NOT_READ
from trellis.checks.rules import Finding
from trellis.checks.settings import Settings

SKIPPED = (".", "__pycache__", "node_modules")  # how the names of folders and files begin


class NothingToCheck(Exception):
    """There is no folder `apps/` that could be read."""


class Module:
    """One Python file of an app, or of config/."""

    def __init__(self, *, path: str, app: str, layer: str, group: str, tree: ast.Module) -> None:
        self.path = path  # from the project's root
        self.app = app  # "" in config/
        self.layer = layer  # "views", also for views/pages.py
        self.group = group  # "doors"; "" for what is no layer
        self.dotted = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        self.names = Names(tree, dotted=self.dotted, is_package=path.endswith("/__init__.py"))
        # The tree itself is not kept: those of a large project would fill the memory.
        is_docstring = [
            isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant) for one in tree.body
        ]
        self.has_code = not all(is_docstring)
        self.texts = {  # that stand in names at the top of the file
            getattr(target, "id", ""): one.value.value
            for one in tree.body
            if isinstance(one, ast.Assign) and isinstance(one.value, ast.Constant)
            for target in one.targets
        }


class App:
    """One folder of apps/."""

    def __init__(self, name: str, files: list[str]) -> None:
        self.name = name
        self.files = files  # every file, from the project's root
        self.modules: list[Module] = []  # what rules look into: no tests, no migrations
        self.owners: dict[str, object] = {}
        self.owners_fault: ownership.Malformed | None = None

    @property
    def depends_on(self) -> list[str]:
        declared = self.owners.get("depends_on", [])
        return [str(name) for name in declared] if isinstance(declared, list) else []

    def may_use(self, other: str) -> bool:
        """Whether it declares so. Where OWNERS.toml cannot be read, only that is reported."""
        return bool(self.owners_fault) or other in self.depends_on

    @cached_property
    def namespace(self) -> str:
        """Return the `app_name` of its urls, by which templates link to it."""
        named = [one.texts.get("app_name") for one in self.modules if one.layer == "urls"]
        return next((str(name) for name in named if name), self.name)


class Project:
    """Everything that the rules look at."""

    def __init__(self, root: Path, *, settings: Settings) -> None:
        self.root = root
        self.settings = settings
        self.apps: list[App] = []
        self.config: list[Module] = []
        self.strays: list[str] = []  # Python files in apps/ that are in no app
        self.unreadable: list[Finding] = []

    @property
    def modules(self) -> Iterator[Module]:
        for app in self.apps:
            yield from app.modules

    def app(self, name: str) -> App | None:
        return self._by_name.get(name)

    def depends(self, name: str, *, on: str) -> bool:
        """Whether an app declares that it uses another one, by itself or through others."""
        found, waiting = {name}, [name]
        while waiting:
            app = self.app(waiting.pop())
            new = set(app.depends_on) - found if app else set()
            found |= new
            waiting += new
        return on in found

    def tree(self, module: Module) -> ast.Module:
        """Return the syntax tree of a module, for rules of the project's own."""
        return parsed(self.root / module.path)

    @cached_property
    def _by_name(self) -> dict[str, App]:
        return {app.name: app for app in self.apps}

    @cached_property
    def user_model(self) -> str:
        """Return where AUTH_USER_MODEL lives, "apps.accounts.models.User"; "" if in no app."""
        for path in sorted(self.root.glob("config/**/*.py")):
            found = re.search(r"""^AUTH_USER_MODEL\s*=\s*["'](\w+)\.(\w+)""", text_of(path), re.M)
            if found and self.app(found[1]):
                return f"apps.{found[1]}.models.{found[2]}"
        return ""


def read(root: Path, *, settings: Settings) -> Project:
    """Read the project at `root`. Raises `NothingToCheck`."""
    project = Project(root, settings=settings)
    if not (root / "apps").is_dir():
        raise NothingToCheck("There is no folder apps/. Run this in the project's folder.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd escapes in strings are ruff's business
        folders: dict[str, list[str]] = {}  # git leaves one of bytecode behind when an app goes
        for path in _files("apps", project):
            _, name, *inside = path.split("/")
            if inside:
                folders.setdefault(name, []).append(path)
            elif name == "__init__.py":
                module = _module(path, app="", project=project)
                project.strays += [path] if module and module.has_code else []
            elif name.endswith(".py"):
                project.strays.append(path)
        project.apps = [_app(name, files, project) for name, files in folders.items()]
        if (root / "config").is_dir():
            python = (path for path in _files("config", project) if path.endswith(".py"))
            modules = (_module(path, app="", project=project) for path in python)
            project.config = [module for module in modules if module]
    return project


def _app(name: str, files: list[str], project: Project) -> App:
    app = App(name, files)
    try:
        app.owners = ownership.read_owners(project.root / "apps" / name / "OWNERS.toml")
    except ownership.Malformed as fault:
        app.owners_fault = fault
    modules = (_module(path, app=name, project=project) for path in files if is_read(path))
    app.modules = [module for module in modules if module]
    return app


def is_read(path: str) -> bool:
    """Whether rules look into a file of an app: Python, but neither tests nor migrations."""
    *folders, name = path.split("/")[2:]
    return (
        name.endswith(".py")
        and not any(part in NOT_READ for part in (*folders, name.removesuffix(".py")))
        and not name.startswith("test_")
        and name != "conftest.py"
    )


def _files(folder: str, project: Project) -> Iterator[str]:
    """Yield every file below a folder. A link is not followed: it could lead anywhere."""

    def refuse(error: OSError) -> None:
        path = Path(error.filename).relative_to(project.root).as_posix()
        project.unreadable.append(_unreadable(path, f"cannot be read: {error.strerror}"))

    for place, folders, names in os.walk(project.root / folder, onerror=refuse):
        inside = Path(place).relative_to(project.root).as_posix()
        folders[:] = sorted(name for name in folders if not name.startswith(SKIPPED))
        for name in folders:
            path = f"{inside}/{name}"
            is_link = Path(place, name).is_symlink() and not {*NOT_READ} & {*path.split("/")}
            if is_link or name.endswith(".py"):
                project.unreadable.append(_unreadable(path, "is a folder or a link to one"))
        yield from (f"{inside}/{name}" for name in sorted(names) if not name.startswith(SKIPPED))


def _module(path: str, *, app: str, project: Project) -> Module | None:
    """Return a parsed file; None where it cannot be, which is a finding."""
    parts = path.split("/")
    layer = parts[2].removesuffix(".py") if app else ""
    try:
        tree = parsed(project.root / path)
    except Unreadable as error:
        project.unreadable.append(_unreadable(path, str(error), line=error.line))
        return None
    group = project.settings.group_of(layer)
    return Module(path=path, app=app, layer=layer, group=group, tree=tree)


class Unreadable(Exception):
    """Why a file cannot be parsed, and the line."""

    def __init__(self, why: str, *, line: int = 1) -> None:
        super().__init__(why)
        self.line = line


def parsed(file: Path) -> ast.Module:
    """Return the syntax tree of a file. Raises `Unreadable`."""
    if file.is_symlink() or not file.is_file():
        raise Unreadable("is a link, or not an ordinary file")
    content = b""
    try:
        content = file.read_bytes()
        source = content.decode("utf-8-sig")
        return ast.parse(source)
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise Unreadable("is not UTF-8", line=content[: error.start].count(b"\n") + 1) from None
    except SyntaxError as error:
        why = "is not valid in Python {}.{}".format(*sys.version_info)
        line = error.lineno or content.partition(b"\0")[0].count(b"\n") + 1  # of a null byte
        raise Unreadable(f"{why}: {error.msg}", line=line) from None
    except (ValueError, RecursionError, MemoryError):
        raise Unreadable("cannot be parsed: it is nested too deeply") from None


def _unreadable(path: str, why: str, *, line: int = 1) -> Finding:
    return Finding(path, line, "file_is_readable", f"{why}. Mend the file.")


def text_of(path: Path) -> str:
    """Return what is in a file; "" where it cannot be read."""
    try:  # a pipe would wait for somebody to write
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    except OSError:
        return ""
