"""Guards: what running code must not do, in development and in tests.

They watch each query, each task that is published and each connection to the network. The nearest
frame of an app decides (stack.py). A broken rule raises `RuleBroken`, which names the line, the
rule and the cure, unless it is waived or disabled. `install` is called once, when Django starts,
and never in production.
"""

import functools
import re
import socket
import sys
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Any

from celery import Celery
from celery.app.task import Task
from django.apps import apps
from django.conf import settings as django_settings
from django.core.mail import EmailMessage
from django.db import connections
from django.db.backends.signals import connection_created
from django.db.models import FETCH_RAISE, Model, QuerySet, deletion
from django.db.models.query import ModelIterable
from django.db.models.sql import compiler

from trellis.checks import settings, stack, waivers
from trellis.checks.located import finding
from trellis.checks.rules import Finding
from trellis.reads import gate, rows

_STATEMENT = re.compile(r"(?:[\s(]+|--[^\n]*\n|/\*.*?\*/)*(\w+)", re.S)
_WRITES = {"INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE", "TRUNCATE"}
_READS = {"SELECT", "WITH", "VALUES"}
_WRITTEN = re.compile(
    r"(?:\b(?:INSERT|REPLACE|MERGE)\s+(?:OR\s+\w+\s+)?INTO|\bDELETE\s+FROM|\bTRUNCATE(?:\s+TABLE)?"
    r"|(?<!FOR )(?<!KEY )(?<!DO )\bUPDATE(?:\s+ONLY)?)\s+[\w.\"`]*?(\w+)[\"`]?(?=[\s(;]|$)",
    re.I,
)
_LOCKS = re.compile(r"\bFOR\s+(?:NO\s+KEY\s+|KEY\s+)?(?:UPDATE|SHARE)\b", re.I)


class RuleBroken(RuntimeError):
    """Code that ran broke a rule: "path:line: rule: what happened. What to do."."""


def install() -> None:
    """Begin to watch."""
    connection_created.connect(_watch_connection, dispatch_uid="trellis.guards")
    for connection in connections.all(initialized_only=True):
        _watch_connection(connection=connection)
    _before(Task, "apply_async", _refuse_publishing)
    _before(Celery, "send_task", _refuse_publishing)
    _before(socket.socket, "connect", _refuse_connecting)
    _before(EmailMessage, "send", _refuse_mail)
    gate.on_query = _refuse_query
    rows.on_result = _refuse_unpromised


def _watch_connection(*, connection: Any, **_: object) -> None:
    if _watch_query not in connection.execute_wrappers:
        # First in the list, since `execute_wrapper` removes the last one when its block ends.
        connection.execute_wrappers.insert(0, _watch_query)


def _before(owner: Any, name: str, check: Callable[..., None]) -> None:
    """Call `check`, with the same arguments, before each call of a method."""
    method = getattr(owner, name)

    @functools.wraps(method)
    def checked(*args: Any, **kwargs: Any) -> Any:
        check(*args, **kwargs)
        return method(*args, **kwargs)

    if not hasattr(method, "is_watched"):
        checked.is_watched = True  # type: ignore[attr-defined]
        setattr(owner, name, checked)


def report(found: Finding) -> None:
    """Raise `RuleBroken`, unless the rule is disabled or waived for this line."""
    root = Path(django_settings.BASE_DIR)
    changed = tuple(_changed_at(root / name) for name in (settings.FILE, waivers.FILE))
    place = found._replace(message="")  # the message differs from query to query
    if not _is_excused(place, root, changed, datetime.now(UTC).date()):
        raise RuleBroken(str(found))


def _changed_at(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


@functools.lru_cache(maxsize=1024)
def _is_excused(found: Finding, root: Path, changed: tuple[int, ...], today: date) -> bool:
    return waivers.read(root, today=today).covers(found)


# Queries


def _watch_query(
    execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any
) -> Any:
    text = sql if isinstance(sql, str) else str(sql)
    statement = _STATEMENT.match(text)
    word = statement[1].upper() if statement else ""
    if word in _READS or word in _WRITES:
        writes = word in _WRITES or (word == "WITH" and bool(_WRITTEN.search(text)))
        frame = sys._getframe(1)
        if caller := stack.caller_of(frame, writes=writes):
            _judge(text, writes=writes, caller=caller, frame=frame)
    return execute(sql, params, many, context)


def _judge(sql: str, *, writes: bool, caller: stack.Caller, frame: FrameType) -> None:
    def broken(rule: str, message: str) -> None:
        report(Finding(caller.path, caller.line, rule, message))

    services, beginning = f"apps/{caller.app}/services.py", " ".join(sql[:120].split())
    if caller.role in (stack.DOOR, stack.ADMIN):
        if writes:
            broken("doors_do_not_write", f"writes: {beginning}. Call a service ({services}).")
        elif caller.role == stack.DOOR and not stack.is_promised(frame, caller):
            selectors = f"apps/{caller.app}/selectors.py"
            broken("doors_do_not_query", f"reads: {beginning}. Call a selector ({selectors}).")
    elif caller.role == stack.SELECTOR:
        if writes or _locks(sql, frame, caller):
            what = "writes" if writes else "locks rows"
            broken("selectors_only_read", f"{what}: {beginning}. Move it to {services}.")
    elif writes:
        for table in _WRITTEN.findall(sql):
            owner = _own_tables().get(table, caller.app)
            if owner != caller.app and not _is_set_null(sql, frame, caller):
                message = f"writes to {table}: {beginning}. Call a service of {owner}."
                broken("apps_write_their_own_tables", message)


@functools.cache
def _own_tables() -> dict[str, str]:
    """Return the app, as its folder is named, of each table of the project's own apps."""
    return {
        model._meta.db_table: config.name.split(".")[1]
        for config in apps.get_app_configs()
        if config.name.startswith("apps.")
        for model in config.get_models(include_auto_created=True)
    }


def _locks(sql: str, frame: FrameType, caller: stack.Caller) -> bool:
    """Whether a query locks rows, also on SQLite, where that does not show in the SQL."""
    if _LOCKS.search(sql):
        return True
    queries = (
        getattr(one.f_locals.get("self"), "query", None)
        for one in stack.frames_between(frame, caller)
        if one.f_code.co_filename == compiler.__file__
    )
    return any(getattr(query, "select_for_update", False) for query in queries)


def _is_set_null(sql: str, frame: FrameType, caller: stack.Caller) -> bool:
    """Whether Django sets foreign keys to null because their row is deleted."""
    return sql.startswith("UPDATE") and any(
        one.f_code.co_filename == deletion.__file__ for one in stack.frames_between(frame, caller)
    )


# Rows, pages and answers


def _refuse_unpromised(read: Callable[..., Any], result: object) -> None:
    model = _unpromised(result)
    if model and read.__module__.startswith("apps."):
        message = (
            f"{read.__name__} returns rows of {model} that run queries later. Return them through"
            " reads.promised(…) or reads.page(…), or as dataclasses."
        )
        report(finding(read, "selectors_promise_their_rows", message))


def _unpromised(value: Any, *, depth: int = 3) -> str:
    """Return the model of the first rows in a result that load more when asked; "" without any."""
    if issubclass(type(value), QuerySet):
        has_rows = issubclass(value._iterable_class, ModelIterable)
        return value.model.__name__ if has_rows and value._fetch_mode is not FETCH_RAISE else ""
    if issubclass(type(value), Model):
        is_safe = value._state.adding or value._state.fetch_mode is FETCH_RAISE
        return "" if is_safe else type(value).__name__
    if is_dataclass(value) and not isinstance(value, type):
        inner: Iterable[Any] = [getattr(value, field.name, None) for field in fields(value)]
    elif isinstance(value, dict):
        inner = value.values()
    else:
        inner = value if isinstance(value, list | tuple | set | frozenset) else ()
    # The rows of one query are all alike: a few of them are enough.
    found = (_unpromised(one, depth=depth - 1) for one in islice(inner, 20) if depth)
    return next(filter(None, found), "")


def _refuse_query(where: str, location: str, sql: str) -> None:
    path, _, line = location.rpartition(":")
    message = f"a query while {where}: {sql[:200]}. {gate.FIX}"
    number = int(line) if line.isdigit() else 1
    report(Finding(path or location, number, "pages_do_not_query", message))


# Transactions


def _is_in_transaction() -> bool:
    """Whether this thread has a transaction open; that of a TestCase does not count."""
    blocks: list[Any] = [
        block
        for connection in connections.all(initialized_only=True)
        for block in connection.atomic_blocks
    ]
    return not all(block._from_testcase for block in blocks)


def _refuse_in_transaction(what: str, *, rule: str, cure: str) -> None:
    if _is_in_transaction() and (caller := stack.caller_of(sys._getframe(2), writes=True)):
        message = f"{what} inside a transaction. {cure}"
        report(Finding(caller.path, caller.line, rule, message))


def _refuse_publishing(sender: Task | Celery, *args: Any, **options: Any) -> None:
    name = sender.name if isinstance(sender, Task) else options.get("name") or args[0]
    cure = "It may be rolled back: use delay_on_commit."
    _refuse_in_transaction(f"publishes {name}", rule="no_publishing_in_a_transaction", cure=cure)


def _refuse_connecting(sock: socket.socket, address: Any, *args: Any) -> None:
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        _refuse_network(f"connects to {address[0]}:{address[1]}")


def _refuse_mail(message: EmailMessage, *args: Any, **options: Any) -> None:
    _refuse_network("sends a mail")


def _refuse_network(what: str) -> None:
    cure = "Its locks are held meanwhile: do it before the transaction, or in a task after it."
    _refuse_in_transaction(what, rule="no_network_in_a_transaction", cure=cure)
