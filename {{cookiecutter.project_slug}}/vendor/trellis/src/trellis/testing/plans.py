"""What the database does for a query, from its query plan."""

import json
from collections.abc import Callable, Collection, Iterator
from typing import Any

from django.db import connection

from trellis.testing.recorder import Query, record_queries


def scans(query: Query, *, may_scan: Collection[str]) -> Iterator[str]:
    """Yield a message for each table of which a query reads rows that no index led to.

    That is a sequential scan on PostgreSQL (with sequential scans discouraged) and, on SQLite, a
    scan or an index that is built for this query. Reading an index from one end to the other
    passes: a list begins like that, and stops when its page is full. So does a filter over what an
    index returned, which the plans of SQLite do not show.
    """
    if not query.sql.startswith("SELECT"):
        return
    plan = _scans_on_postgresql if connection.vendor == "postgresql" else _scans_on_sqlite
    for table, what in plan(query):
        if table not in may_scan:
            yield f"{query.location}: {what}: {query.sql[:300]}"


def _scans_on_postgresql(query: Query) -> Iterator[tuple[str, str]]:
    nodes = [_explain(query, how="EXPLAIN (FORMAT JSON)")]
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", [])
        table = node.get("Relation Name", "")
        if node["Node Type"] == "Seq Scan":
            yield table, f"reads all of {table}"


def _scans_on_sqlite(query: Query) -> Iterator[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {query.sql}", query.parameters)
        steps = [row[-1] for row in cursor.fetchall()]
    tables = set(connection.introspection.table_names())
    for step in steps:
        table = step.split()[1]
        is_scan = step.startswith("SCAN") and "INDEX" not in step
        if (is_scan or "AUTOMATIC" in step) and table in tables:
            yield table, f"reads all of {table}"


def database_work(read: Callable[[], object]) -> int:
    """Return how much work a read is for the database: the same number at each call.

    Blocks touched on PostgreSQL, steps of the virtual machine on SQLite. The time it takes would
    depend on the machine.
    """
    if connection.vendor == "postgresql":
        with record_queries() as queries:
            read()
        return sum(_blocks_on_postgresql(query) for query in queries)
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0  # continue

    connection.ensure_connection()
    connection.connection.set_progress_handler(count, 1)
    try:
        read()
    finally:
        connection.connection.set_progress_handler(None, 1)
    return steps


def _blocks_on_postgresql(query: Query) -> int:
    plan = _explain(query, how="EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)")
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def _explain(query: Query, *, how: str) -> Any:
    with connection.cursor() as cursor:
        # For few rows PostgreSQL would scan in any case. Without scans it shows what it could do.
        cursor.execute("SET enable_seqscan = off; SET jit = off")
        cursor.execute(f"{how} {query.sql}", query.parameters)
        answer = cursor.fetchone()[0]
        cursor.execute("RESET enable_seqscan; RESET jit")
    return (json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]
