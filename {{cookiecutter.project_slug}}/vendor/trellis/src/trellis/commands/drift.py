"""`trellis drift`: how the complexity of each app grew, month by month, from git's history.

Of each month the last commit counts, on the first-parent line. Tests and migrations do not count.
"""

import ast
import io
import shutil
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from trellis.checks.layers import GROUPS

Function = ast.FunctionDef | ast.AsyncFunctionDef
IGNORED = {"tests", "migrations"}


class NoHistory(Exception):
    """There is nothing to show, for the reason given."""


class Figures(NamedTuple):
    """The size of one app at the end of one month."""

    doors: int = 0
    largest: int = 0
    edges: int = 0
    tasks: int = 0
    waivers: int = 0


TITLES = {
    "doors": "Statements in views, APIs, admin, commands",
    "largest": "Statements in the longest service",
    "edges": "Other apps that it imports",
    "tasks": "Tasks",
    "waivers": "Waivers",
}


class History(NamedTuple):
    """The figures by app and month; an app has none for a month in which it did not exist."""

    months: list[str]
    apps: dict[str, dict[str, Figures]]
    note: str = ""  # what is missing, if anything


def main(*, since: str, root: Path) -> int:
    """Print the table from the month `since` on (""; a year ago); return the exit status."""
    today = datetime.now(UTC)
    try:
        first = _month(since) if since else f"{today.year - 1}-{today.month:02}"
        print(table(read(root=root, since=first, until=f"{today:%Y-%m}")))
    except NoHistory as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def read(*, root: Path, since: str, until: str) -> History:
    """Measure the last commit of each month. Raises `NoHistory`."""
    log = _git("log", "--first-parent", "--format=%cs %H", root=root).decode().splitlines()
    commits = [(line[:7], line.partition(" ")[2]) for line in log]  # the newest first
    months: list[str] = []
    apps: dict[str, dict[str, Figures]] = {}
    measured: dict[str, dict[str, Figures]] = {}
    for month in _months(max(since, commits[-1][0]), until):
        commit = next(commit for committed, commit in commits if committed <= month)
        if commit not in measured:
            measured[commit] = _measure(commit, root=root)
        if months or measured[commit]:
            months.append(month)
        for app, figures in measured[commit].items():
            apps.setdefault(app, {})[month] = figures
    if not months:
        raise NoHistory(f"No commit since {since} has an app in apps/.")
    note = ""
    if _git("rev-parse", "--is-shallow-repository", root=root).strip() == b"true":
        note = f"A shallow clone has nothing before {commits[-1][0]}. Run `git fetch --unshallow`."
    return History(months, dict(sorted(apps.items())), note)


def table(history: History) -> str:
    """Return a block for each figure, with a row for each app and a column for each month."""
    shown = max(2, (shutil.get_terminal_size().columns - 32) // 6)
    months = history.months[-shown:]
    width = max(20, *map(len, history.apps)) + 2
    lines = [history.note, ""] if history.note else []
    for field, title in TITLES.items():
        years = [m[:4] if n == 0 or m.endswith("-01") else "" for n, m in enumerate(months)]
        lines.append(title)
        lines.append(" " * width + "".join(f"{year:>6}" for year in years))
        lines.append(" " * width + "".join(f"{month[5:]:>6}" for month in months))
        for app, figures in history.apps.items():
            cells = (str(getattr(figures.get(month), field, ".")) for month in months)
            lines.append(f"  {app:{width - 2}}" + "".join(f"{cell:>6}" for cell in cells))
        lines.append("")
    return "\n".join(line.rstrip() for line in lines[:-1])


def _month(text: str) -> str:
    try:
        return f"{datetime.strptime(text, '%Y-%m').replace(tzinfo=UTC):%Y-%m}"
    except ValueError:
        raise NoHistory(f"{text!r} is not a month. Write 2026-01.") from None


def _months(first: str, last: str) -> Iterator[str]:
    year, month = map(int, first.split("-"))
    while f"{year}-{month:02}" <= last:
        yield f"{year}-{month:02}"
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)


def _git(*arguments: str, root: Path) -> bytes:
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True)
    except FileNotFoundError:
        raise NoHistory("Drift reads git's history, and git is not on the PATH.") from None
    if done.returncode:
        message = (done.stderr.decode(errors="replace").strip().splitlines() or [""])[0]
        raise NoHistory(f"Drift reads git's history. {message}")
    return done.stdout


def _measure(commit: str, *, root: Path) -> dict[str, Figures]:
    """Return the figures of each app in a commit."""
    try:
        packed = _git("archive", "--format=tar", commit, root=root)
    except NoHistory:
        return {}
    modules: dict[str, list[tuple[str, ast.Module]]] = {}  # by app: (layer, its syntax tree)
    waivers: list[str] = []
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        for member in tar:
            parts = member.name.split("/")
            file = tar.extractfile(member)
            if file and member.name == "waivers.toml":
                waivers = _waived_apps(file.read())
            elif file and parts[0] == "apps" and len(parts) > 2:
                trees = modules.setdefault(parts[1], [])
                if member.name.endswith(".py") and not IGNORED & set(parts):
                    with suppress(SyntaxError, ValueError):
                        trees.append((parts[2].removesuffix(".py"), ast.parse(file.read())))
    return {
        app: _figures(trees, others=modules.keys() - {app})._replace(waivers=waivers.count(app))
        for app, trees in modules.items()
    }


def _waived_apps(raw: bytes) -> list[str]:
    """Return the app of each waiver."""
    with suppress(ValueError, AttributeError):
        entries = tomllib.loads(raw.decode()).get("waiver", [])
        paths = [next(iter(one.get("count", [])), one.get("path", "")) for one in entries]
        apps = [one.get("app") for one in entries]
        return [app or f"{path}//".split("/")[1] for app, path in zip(apps, paths, strict=True)]
    return []


def _figures(modules: list[tuple[str, ast.Module]], *, others: set[str]) -> Figures:
    """Return the figures of one app, given the names of the others."""
    functions = [(layer, node) for layer, tree in modules for node in _functions(tree)]
    imports = {name for _, tree in modules for node in ast.walk(tree) for name in _imports(node)}
    doors = [node for layer, node in functions if layer in GROUPS["doors"]]
    services = [node for layer, node in functions if layer == "services"]
    return Figures(
        doors=len(_statements(*doors)),
        largest=max((len(_statements(node)) for node in services), default=0),
        edges=len(imports & others),
        tasks=sum(_is_task(node) for _, node in functions),
    )


def _functions(tree: ast.Module) -> list[Function]:
    return [node for node in ast.walk(tree) if isinstance(node, Function)]


def _statements(*functions: Function) -> set[ast.stmt]:
    """Return the statements in functions, those of a nested function once."""
    nodes = {node for function in functions for node in ast.walk(function)} - {*functions}
    return {node for node in nodes if isinstance(node, ast.stmt)}


def _imports(node: ast.AST) -> list[str]:
    """Return the names of the apps that an import statement names."""
    dotted: list[str] = []
    if isinstance(node, ast.Import):
        dotted = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        dotted = [f"{node.module}.{alias.name}" for alias in node.names]
    return [name.split(".")[1] for name in dotted if name.startswith("apps.")]


def _is_task(function: Function) -> bool:
    calls = (node.func if isinstance(node, ast.Call) else node for node in function.decorator_list)
    names = (ast.unparse(node).rpartition(".")[2] for node in calls)
    return any(name in ("shared_task", "task") for name in names)
