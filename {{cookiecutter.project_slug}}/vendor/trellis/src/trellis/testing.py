"""Test fixtures of the conventions, loaded by conftest.py as a pytest plugin."""

import ast
import contextlib
import json
import operator
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import pytest
from celery import current_app
from django.db import connection, connections
from django.test import Client, override_settings

from trellis import reads

# What each selector is run on: few rows, and then many.
SIZES = (1, 10, 100)


@pytest.fixture(autouse=True, scope="session")
def quick_passwords() -> Iterator[None]:
    """Hash passwords as quickly as can be: in production it takes long on purpose."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


class ConstantQueries(Protocol):
    """See `assert_constant_queries`."""

    def __call__(
        self,
        read: Callable[..., Any],
        *,
        grow: Callable[[int], object],
        consume: Callable[[Any], object] = ...,
        may_scan: Collection[str] = ...,
        sizes: tuple[int, ...] = ...,
        **arguments: Any,
    ) -> None: ...


@pytest.fixture
def assert_constant_queries(db: None) -> ConstantQueries:
    """Show that a selector takes the same number of queries however many rows there are.

    `grow(n)` adds n rows to the data, `consume` does with the result what production does
    (a serializer, a template), `arguments` are the selector's own. Fails when the counts differ
    between sizes, when they are not the budget the selector declares (one that is too large hides
    the next query), when `grow` inserts nothing, and when a query finds its rows without an index:
    name the tables it may read whole in `may_scan`, and say why.
    """

    def check(
        read: Callable[..., Any],
        *,
        grow: Callable[[int], object],
        consume: Callable[[Any], object] = consumed,
        may_scan: Collection[str] = (),
        sizes: tuple[int, ...] = SIZES,
        **arguments: Any,
    ) -> None:
        name = f"{read.__module__}.{read.__qualname__}"
        budget = reads.selectors[name].queries
        counts: dict[int, int] = {}
        scans: list[str] = []
        have = 0
        for size in sizes:
            _grow(grow, size - have)
            have = size
            with recorded() as asked:
                consume(read(**arguments))
            counts[size] = len(asked)
            if size == 10:
                scans = [scan for one in asked for scan in unindexed(one, may_scan=may_scan)]
        assert len(set(counts.values())) == 1, grown(name, counts, asked)
        assert len(asked) == budget, f"{name}: {len(asked)} queries of {budget}:\n{summary(asked)}"
        assert scans == [], (
            f"{name} finds rows without an index:\n  "
            + "\n  ".join(scans)
            + "\nAdd one to the model, or name the table in may_scan=[…] and say why."
        )

    return check


def consumed(result: Any) -> object:
    """Return all of a result, as a loop over it would see it; a number is seen already."""
    return list(result) if isinstance(result, Iterable) else result


def at_once(*calls: Callable[[], object]) -> list[Exception]:
    """Make calls at the same moment, each in a thread of its own; return what they raised.

    For tests with `transactional_db`: nobody sees what another's transaction has not committed.
    """
    together = threading.Barrier(len(calls))
    raised: list[Exception] = []

    def make(call: Callable[[], object]) -> None:
        together.wait()
        try:
            call()
        except Exception as error:
            raised.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=make, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


class HarmlessTwice(Protocol):
    """See `assert_harmless_twice`."""

    def __call__(
        self, task: Any, *, effects: Callable[[], object], once: object, **arguments: Any
    ) -> None: ...


@pytest.fixture
def assert_harmless_twice(transactional_db: None) -> HarmlessTwice:
    """Show that a message which is delivered again, or to two workers at once, counts once.

    `effects()` tells what the task has changed, `once` is what that is after one delivery,
    `arguments` are the task's own.
    """

    def check(task: Any, *, effects: Callable[[], object], once: object, **arguments: Any) -> None:
        deliver = partial(task.apply, kwargs=arguments, throw=False)
        assert at_once(deliver, deliver) == []
        deliver()
        assert effects() == once, f"{task.name}: delivered three times, it changed more than once"

    return check


@pytest.fixture
def assert_constant_page(client: Client) -> Callable[..., list[int]]:
    """Show that pages take the same number of queries for 1 row and for 100.

    `grow(n)` adds n rows, `paths` are what `client` then gets. Returns the status code of each.
    """

    def check(*paths: str, grow: Callable[[int], object]) -> list[int]:
        _grow(grow, 1)
        few = {}
        for path in paths:
            client.get(path)  # what is only asked once, in a process or a session
            with recorded() as asked:
                client.get(path)
            few[path] = len(asked)
        _grow(grow, 99)
        statuses = []
        for path in paths:
            with recorded() as asked:
                statuses.append(client.get(path).status_code)
            assert len(asked) == few[path], grown(path, {1: few[path], 100: len(asked)}, asked)
        return statuses

    return check


@dataclass(frozen=True)
class Asked:
    """A query, and the line of ours that it was for."""

    line: str
    sql: str
    parameters: Any


@contextlib.contextmanager
def recorded() -> Iterator[list[Asked]]:
    """Record the queries of this block, each with the line it came from."""
    asked: list[Asked] = []

    def record(execute: Callable[..., Any], sql: str, parameters: Any, *args: Any) -> Any:
        asked.append(Asked(line=reads.caller_location(), sql=sql, parameters=parameters))
        return execute(sql, parameters, *args)

    with connection.execute_wrapper(record):
        yield asked


def _grow(grow: Callable[[int], object], rows: int) -> None:
    with recorded() as asked:
        grow(rows)
    # Where no row was added, any number of queries stays the same.
    assert any(one.sql.startswith("INSERT") for one in asked), f"grow({rows}) inserted nothing"


def grown(what: str, counts: dict[int, int], asked: list[Asked]) -> str:
    """Return what to say when the queries grow with the rows."""
    return f"{what}: queries grow {counts}:\n{summary(asked)}"


def summary(asked: list[Asked]) -> str:
    """Return the queries by the line they came from, the most frequent first."""
    counted = Counter((one.line, one.sql[:160]) for one in asked)
    return "\n".join(f"  {times} x {line}: {sql}" for (line, sql), times in counted.most_common())


def unindexed(asked: Asked, *, may_scan: Collection[str]) -> Iterator[str]:
    """Say where a query reads rows that no index led to.

    On PostgreSQL that is a sequential scan although there was another way, or a filter over what
    an index gave; on SQLite, whose plans do not tell of filters, a scan. An index that is read
    from one end to the other passes: a list begins like that, and stops when its page is full.
    """
    if not asked.sql.startswith("SELECT"):
        return
    plan = _plan_of_postgresql if connection.vendor == "postgresql" else _plan_of_sqlite
    for table, what in plan(asked):
        if table not in may_scan:
            yield f"{asked.line}: {what}: {asked.sql[:300]}"


def _plan_of_postgresql(asked: Asked) -> Iterator[tuple[str, str]]:
    nodes = [_explained(asked, how="EXPLAIN (FORMAT JSON)")]
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", [])
        table = node.get("Relation Name", "")
        if node["Node Type"] == "Seq Scan":
            yield table, f"reads all of {table}"
        elif table and "Filter" in node and "~>=~" not in node.get("Index Cond", ""):
            # (That operator is a LIKE 'x%' by its index, which looks at each row once more.)
            yield table, f"reads more of {table} than it keeps by {node['Filter']}"


def _plan_of_sqlite(asked: Asked) -> Iterator[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {asked.sql}", asked.parameters)
        steps = [row[-1] for row in cursor.fetchall()]
    tables = set(connection.introspection.table_names())
    for step in steps:
        table = step.split()[1]
        if step.startswith("SCAN") and "INDEX" not in step and table in tables:
            yield table, f"reads all of {table}"


def work_of(read: Callable[[], object]) -> int:
    """Return how much work a read is for the database: a number to compare, the same every time.

    Blocks touched on PostgreSQL, steps of its virtual machine on SQLite. Time would tell as much
    about the machine.
    """
    if connection.vendor == "postgresql":
        with recorded() as asked:
            read()
        return sum(_blocks_of_postgresql(one) for one in asked)
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0  # go on

    connection.ensure_connection()
    connection.connection.set_progress_handler(step, 1)
    try:
        read()
    finally:
        connection.connection.set_progress_handler(None, 1)
    return steps


def _blocks_of_postgresql(asked: Asked) -> int:
    plan = _explained(asked, how="EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)")
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def _explained(asked: Asked, *, how: str) -> Any:
    with connection.cursor() as cursor:
        # On few rows it would scan whatever there is; told not to, it shows what it could do.
        cursor.execute("SET enable_seqscan = off; SET jit = off")
        cursor.execute(f"{how} {asked.sql}", asked.parameters)
        answer = cursor.fetchone()[0]
        cursor.execute("RESET enable_seqscan; RESET jit")
    return (json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]


def proven(module: ModuleType, *, fixture: str) -> set[str]:
    """Return the names of what a test in `module` hands to `fixture`, an `assert_...` of these.

    Read from the code, so that it does not matter which tests run: a comment, a skipped test and
    a case with `sizes` of its own prove nothing.
    """
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    return {
        name
        for test in _tests(tree)
        for call in ast.walk(test)
        if isinstance(call, ast.Call)
        and ast.unparse(call.func) == fixture
        and call.args
        and "sizes" not in {keyword.arg for keyword in call.keywords}
        for name in _named(module, ast.unparse(call.args[0]))
    }


def _named(module: ModuleType, path: str) -> Iterator[str]:
    """Yield the full name of what `path` is in `module`, and nothing for what a test has made."""
    with contextlib.suppress(AttributeError):
        found = operator.attrgetter(path)(module)
        yield f"{found.__module__}.{found.__qualname__}"


def _tests(tree: ast.Module | ast.ClassDef) -> Iterator[ast.FunctionDef]:
    """Yield the test functions that run and count: none whose mark skips it or lets it fail."""
    marks = " ".join(
        ast.unparse(node) for node in tree.body if ast.unparse(node).startswith("pytestmark")
    )
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        said = marks + " ".join(ast.unparse(decorator) for decorator in node.decorator_list)
        if "skip" in said or "xfail" in said:
            continue
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield from _tests(node)
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            yield node


@pytest.fixture
def eager_tasks() -> Iterator[None]:
    """Run tasks in this process when they are published (for unit tests only)."""
    before = current_app.conf.task_always_eager
    current_app.conf.task_always_eager = True
    yield
    current_app.conf.task_always_eager = before
