"""How much work a read is for the database, for tests that compare two reads."""

import json
from collections.abc import Callable

from django.db import connection

from trellis.testing.recorder import Query, record_queries


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
    with connection.cursor() as cursor:
        # For few rows PostgreSQL would scan in any case.
        cursor.execute("SET enable_seqscan = off; SET jit = off")
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query.sql}", query.parameters)
        answer = cursor.fetchone()[0]
        cursor.execute("RESET enable_seqscan; RESET jit")
    plan = (json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
