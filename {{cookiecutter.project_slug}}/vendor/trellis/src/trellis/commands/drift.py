"""`trellis drift`: how complexity arrived, by app and month, out of git's history.

Standard library and git. Of each month the last commit counts; of a merge, the line merged into.
"""

import argparse
import ast
import gc
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from string import Template
from typing import NamedTuple

from trellis.checks.layout import source

NOT_MEASURED = ("tests", "migrations")
WAIVER = "# layout: allow "


class NoHistory(Exception):
    """There is nothing to draw, for the reason given."""


class Figures(NamedTuple):
    """What one app was like at the end of one month."""

    doors: int = 0
    largest: int = 0
    edges: int = 0
    tasks: int = 0
    waivers: int = 0


class Metric(NamedTuple):
    """One of the figures in words, and how those of all apps become one."""

    field: str
    title: str
    what: str
    together: Callable[[Iterable[int]], int]


METRICS = (
    Metric("doors", "Statements in doors", "in views, APIs, admin and commands", sum),
    Metric("largest", "Largest service", "statements in the longest function", max),
    Metric("edges", "Cross-app edges", "other apps that an app imports", sum),
    Metric("tasks", "Tasks", "that a worker may be asked to run", sum),
    Metric("waivers", "Waivers", "lines that break a rule for a while", sum),
)


class History(NamedTuple):
    """Every app's figures at the end of every month; no figures where there was no such app."""

    name: str
    months: list[str]
    apps: dict[str, dict[str, Figures]]
    teams: dict[str, str]
    note: str  # what is missing, or ""

    def row(self, app: str, metric: Metric) -> list[int | None]:
        figures = (self.apps[app].get(month) for month in self.months)
        return [None if one is None else getattr(one, metric.field) for one in figures]

    def together(self, metric: Metric) -> list[int | None]:
        columns = zip(*(self.row(app, metric) for app in self.apps), strict=True)
        there = ([n for n in column if n is not None] for column in columns)
        return [metric.together(figures) if figures else None for figures in there]

    def grew_most(self, metric: Metric) -> str:
        """The app in which a figure grew most; "" if it grew in none."""
        grown = {}
        for app in self.apps:
            row = self.row(app, metric)
            grown[app] = (row[-1] or 0) - (row[0] or 0)
        app = max(grown, key=lambda name: grown[name])
        return app if grown[app] > 0 else ""


def main(*, arguments: list[str], root: Path) -> int:
    """Print the table, write the page if one is asked for; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="trellis drift",
        description="How complexity arrived, by app and month, out of git's history.",
    )
    parser.add_argument("--since", type=_month, help="the first month, like 2026-01 (a year ago)")
    parser.add_argument("--html", type=Path, help="also write a page for the wiki to this file")
    wanted = parser.parse_args(arguments)
    today = datetime.now(UTC)
    since = wanted.since or f"{today.year - 1}-{today.month:02}"
    gc.enable()  # a tree a month: unlike the check, this lives long enough to tidy up
    try:
        history = read(root=root, since=since, until=f"{today:%Y-%m}")
        print(table(history))
        if wanted.html:
            wanted.html.write_text(page(history), encoding="utf-8")
            print(f"\nWrote {wanted.html}.")
    except (NoHistory, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _month(text: str) -> str:
    try:
        return f"{datetime.strptime(text, '%Y-%m').replace(tzinfo=UTC):%Y-%m}"
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no month. Write 2026-01.") from None


# --- Out of git -------------------------------------------------------------------------------


def read(*, root: Path, since: str, until: str) -> History:
    """Measure the last commit of each month from `since` on. Raises `NoHistory`."""
    log = _git("log", "--first-parent", "--format=%cs %H", root=root).decode().split("\n")
    commits = [(line[:7], line.partition(" ")[2]) for line in log if line]  # the newest first
    months: list[str] = []
    apps: dict[str, dict[str, Figures]] = {}
    teams: dict[str, str] = {}
    measured: dict[str, dict[str, Figures]] = {}
    for month in _months(max(since, commits[-1][0]), until):
        commit = next(commit for committed, commit in commits if committed <= month)
        if commit not in measured:
            measured[commit], teams = _measure(commit, root=root)
        if months or measured[commit]:
            months.append(month)
        for app, figures in measured[commit].items():
            apps.setdefault(app, {})[month] = figures
    if not months:
        raise NoHistory(f"No commit since {since} has an app in apps/.")
    note = ""
    if _git("rev-parse", "--is-shallow-repository", root=root).strip() == b"true":
        note = (
            f"This is a shallow clone: what was before {commits[-1][0]} is missing."
            " `git fetch --unshallow` brings it."
        )
    return History(_name(root), months, dict(sorted(apps.items())), teams, note)


def _git(*arguments: str, root: Path) -> bytes:
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True)
    except FileNotFoundError:
        raise NoHistory("Drift reads git's history, and there is no git on the PATH.") from None
    if done.returncode:
        said = (done.stderr.decode(errors="replace").strip().splitlines() or [""])[0]
        raise NoHistory(f"Drift reads git's history, and git says: {said}")
    return done.stdout


def _months(first: str, last: str) -> Iterable[str]:
    year, month = map(int, first.split("-"))
    while f"{year}-{month:02}" <= last:
        yield f"{year}-{month:02}"
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)


def _measure(commit: str, *, root: Path) -> tuple[dict[str, Figures], dict[str, str]]:
    """Return each app's figures and team as a commit has them."""
    try:
        packed = _git("archive", "--format=tar", commit, "apps", root=root)
    except NoHistory:
        return {}, {}  # there was no apps/ yet
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        for member in tar:
            wanted = member.name.endswith((".py", "OWNERS.toml"))
            if member.isfile() and wanted and not set(NOT_MEASURED) & set(member.name.split("/")):
                tar.extract(member, folder, filter="data")
        project = source.read(Path(folder))
        figures = {app.name: _figures(app, others=project.app_names) for app in project.apps}
        return figures, {app.name: str(app.owners.get("team", "")) for app in project.apps}


def _figures(app: source.App, *, others: set[str]) -> Figures:
    doors = [module for module in app.modules if module.layer in source.DOORS]
    used = {
        dotted.split(".")[1]
        for module in app.modules
        for _, _, dotted in module.imports
        if dotted.startswith("apps.")
    }
    return Figures(
        doors=sum(_statements(*module.definitions) for module in doors),
        largest=max(
            (_statements(f) for m in app.layer("services") for f in m.functions), default=0
        ),
        edges=len(used & others - {app.name}),
        tasks=sum(_is_task(f, module=m) for m in app.modules for f in m.definitions),
        waivers=sum(module.source.count(WAIVER) for module in app.modules),
    )


def _statements(*functions: source.Function) -> int:
    """Count the statements in functions; what stands in a function in a function counts once."""
    return len(
        {
            node
            for function in functions
            for node in ast.walk(function)
            if isinstance(node, ast.stmt) and node is not function
        }
    )


def _is_task(function: source.Function, *, module: source.Module) -> bool:
    names = (module.meaning(decorator) for decorator in function.decorator_list)
    return any(name.rpartition(".")[2] in ("shared_task", "task") for name in names)


def _name(root: Path) -> str:
    try:
        about = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
        return str(about["tool"]["trellis"]["project_name"])
    except (OSError, ValueError, KeyError):
        return root.resolve().name


# --- In the terminal --------------------------------------------------------------------------


def table(history: History) -> str:
    """Return the figures in columns: a block for each, a row for each app."""
    shown = max(2, (shutil.get_terminal_size().columns - 32) // 6)
    months = history.months[-shown:]
    width = max(20, *map(len, history.apps)) + 2
    lines = [history.note, ""] if history.note else []
    if len(months) < len(history.months):
        lines += [f"The last {shown} months; a wider terminal and --html show more.", ""]
    for metric in METRICS:
        years = [m[:4] if n == 0 or m.endswith("-01") else "" for n, m in enumerate(months)]
        lines.append(f"{metric.title:{width}}" + "".join(f"{year:>6}" for year in years))
        lines.append(f"{'':{width}}" + "".join(f"{month[5:]:>6}" for month in months))
        rows = {app: history.row(app, metric) for app in history.apps}
        if len(rows) > 1:
            rows["all" if metric.together is sum else "the largest"] = history.together(metric)
        for name, row in rows.items():
            cells = ("." if n is None else str(n) for n in row[-shown:])
            lines.append(f"  {name:{width - 2}}" + "".join(f"{cell:>6}" for cell in cells))
        lines.append("")
    return "\n".join([*(line.rstrip() for line in lines), *_grown(history)])


def _grown(history: History) -> list[str]:
    """The app that grew most, of each figure that grew."""
    said = []
    for metric in METRICS:
        if app := history.grew_most(metric):
            row = history.row(app, metric)
            first = row[0] or "nothing"
            said.append(f"{metric.title}: {app} grew most, from {first} to {row[-1]}.")
    return said or ["Nothing has grown."]


# --- For the wiki -----------------------------------------------------------------------------

PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light dark; --paper: #fff; --ink: #1c2430; --quiet: #5d6b7c; --rule: #dde3ea;
  --line: #2563a8; --fill: #2563a81f; --most: #b4470f; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181f; --ink: #e4e9f0; --quiet: #93a1b3;
  --rule: #2b3340; --line: #6aa9ec; --fill: #6aa9ec26; --most: #f2985c; } }
body { margin: 0 auto; padding: 2rem 1.5rem 3rem; max-width: 76rem; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0; }
p { max-width: 46rem; color: var(--quiet); margin: .5rem 0 1.5rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; }
thead th { vertical-align: bottom; }
th, td { padding: .6rem 1.2rem .6rem 0; border-bottom: 1px solid var(--rule); }
thead th { border-bottom: 2px solid var(--ink); }
small { display: block; font-size: .8rem; font-weight: 400; line-height: 1.3;
  color: var(--quiet); }
td > div { display: flex; align-items: center; gap: .6rem; }
.figure { min-width: 3.4rem; }
.most, .most small { color: var(--most); font-weight: 600; }
.most polyline { stroke: var(--most); }
svg { display: block; overflow: visible; }
polyline { fill: none; stroke: var(--line); stroke-width: 1.75; stroke-linejoin: round;
  stroke-linecap: round; }
polygon { fill: var(--fill); }
.most polygon { fill: color-mix(in srgb, var(--most) 14%, transparent); }
circle { fill: var(--line); }
.most circle { fill: var(--most); }
.base { stroke: var(--rule); }
tr.all td, tr.all th { border-bottom: 2px solid var(--rule); }
</style>
<h1>$title</h1>
<p>$lead</p>
<div class="scroll"><table>
<thead><tr><th>App</th>$heads</tr></thead>
<tbody>
$rows
</tbody>
</table></div>
</html>
""")
WIDE, HIGH = 108, 34  # pixels of a curve


def page(history: History) -> str:
    """Return an HTML page that needs nothing but itself, readable by day and by night."""
    first, last = history.months[0], history.months[-1]
    months = f"{first}, measured at its last commit"
    if first != last:
        months = f"{first} to {last}, measured at the last commit of each month"
    lead = (
        f"{months}. The curves of a column have one scale, but for the first row. Orange: the app"
        " in which the figure grew most."
    )
    heads = "".join(f"<th>{one.title}<small>{one.what}</small></th>" for one in METRICS)
    cells: dict[str, list[str]] = {name: [] for name in ("", *history.apps)}
    for metric in METRICS:
        rows = {app: history.row(app, metric) for app in history.apps}
        highest = max(n or 0 for row in rows.values() for n in row)
        most = history.grew_most(metric)
        for app, row in rows.items():
            cells[app].append(_cell(row, highest, months=history.months, is_most=app == most))
        together = history.together(metric)
        cells[""].append(_cell(together, max(n or 0 for n in together), months=history.months))
    lines = [f'<tr class="all"><th>All apps</th>{"".join(cells.pop(""))}</tr>']
    for app, its in cells.items():
        team = escape(history.teams.get(app, "gone"))
        lines.append(f"<tr><th>{escape(app)}<small>{team}</small></th>{''.join(its)}</tr>")
    return PAGE.substitute(
        title=escape(f"How complexity arrived in {history.name}"),
        lead=escape(" ".join([lead, history.note]).strip()),
        heads=heads,
        rows="\n".join(lines if len(history.apps) > 1 else lines[1:]),
    )


def _cell(row: list[int | None], highest: int, *, months: list[str], is_most: bool = False) -> str:
    change = (row[-1] or 0) - (row[0] or 0)
    number = "gone" if row[-1] is None else row[-1]
    return (
        f"<td{' class=most' if is_most else ''}><div>"
        f'<span class="figure">{number}<small>{f"{change:+}" if change else "&nbsp;"}</small>'
        f"</span>{_curve(row, highest=highest or 1, months=months)}</div></td>"
    )


def _curve(row: list[int | None], *, highest: int, months: list[str]) -> str:
    step = WIDE / max(1, len(row) - 1)
    points = [
        (round(step * at, 1), round(HIGH * (1 - number / highest), 1))
        for at, number in enumerate(row)
        if number is not None
    ]
    said = ", ".join(f"{m}: {n}" for m, n in zip(months, row, strict=True) if n is not None)
    line = " ".join(f"{x},{y}" for x, y in points)
    area = f"{points[0][0]},{HIGH} {line} {points[-1][0]},{HIGH}"
    x, y = points[-1]
    return (
        f'<svg width="{WIDE}" height="{HIGH}" role="img"><title>{said}</title>'
        f'<line class="base" x1="0" x2="{WIDE}" y1="{HIGH}" y2="{HIGH}"/>'
        f'<polygon points="{area}"/><polyline points="{line}"/>'
        f'<circle cx="{x}" cy="{y}" r="2.5"/></svg>'
    )
