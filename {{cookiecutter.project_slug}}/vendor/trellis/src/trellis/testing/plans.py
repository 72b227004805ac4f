"""What the database does for a query, from its query plan."""

import json
from collections.abc import Collection, Iterator
from typing import Any

from django.db import connection

from trellis.testing.recorder import Query


def scans(query: Query, *, may_scan: Collection[str]) -> Iterator[str]:
    """Yield a message for each table of which a query reads rows that no index led to.

    On PostgreSQL (with sequential scans discouraged) and on SQLite alike that is a scan of the
    table, and a scan of a whole index for a condition. Reading an index in the order of an ORDER BY
    passes: a list begins like that, and stops when its page is full. So does a filter over the rows
    that an index led to, which the plans of SQLite do not show.
    """
    if not query.sql.startswith("SELECT"):
        return
    plan = _scans_on_postgresql if connection.vendor == "postgresql" else _scans_on_sqlite
    for table in plan(query, is_ordered=" ORDER BY " in query.sql):
        if table not in may_scan:
            yield f"{query.location}: reads all of {table}: {query.sql[:300]}"


def _scans_on_postgresql(query: Query, *, is_ordered: bool) -> Iterator[str]:
    nodes = [_explain(query)]
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", [])
        filters_all = "Filter" in node and not {"Index Cond", "Recheck Cond"} & node.keys()
        if node["Node Type"] == "Seq Scan" or (filters_all and not is_ordered):
            yield node.get("Relation Name", "")


def _scans_on_sqlite(query: Query, *, is_ordered: bool) -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {query.sql}", query.parameters)
        steps = [row[-1] for row in cursor.fetchall()]
    tables = set(connection.introspection.table_names())
    filters_all = " WHERE " in query.sql and not is_ordered
    for step in steps:
        is_scan = step.startswith("SCAN") and ("INDEX" not in step or filters_all)
        # An automatic index is built for this query, from the whole table.
        if (is_scan or "AUTOMATIC" in step) and (table := step.split()[1]) in tables:
            yield table


def _explain(query: Query) -> Any:
    with connection.cursor() as cursor:
        # For few rows PostgreSQL would scan in any case. Without scans it shows what it could do.
        cursor.execute("SET enable_seqscan = off")
        cursor.execute(f"EXPLAIN (FORMAT JSON) {query.sql}", query.parameters)
        answer = cursor.fetchone()[0]
        cursor.execute("RESET enable_seqscan")
    return (json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]
