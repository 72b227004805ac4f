"""Indexes on tables that are in use."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import migrations

LIMITS = ("statement_timeout", "lock_timeout")


class AddIndex(migrations.AddIndex):
    """`migrations.AddIndex` for a table with rows: reads and writes continue during the build.

    Concurrent and without time limits on PostgreSQL, a plain `AddIndex` on SQLite. The migration
    needs `atomic = False`. An interrupted build leaves an invalid index behind on PostgreSQL: drop
    it by its name and migrate again.
    """

    atomic = False

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        self._run("database_forwards", app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        self._run("database_backwards", app_label, schema_editor, from_state, to_state)

    def _run(self, method: str, app_label: str, schema_editor: Any, *states: Any) -> None:
        if schema_editor.connection.vendor != "postgresql":
            getattr(super(), method)(app_label, schema_editor, *states)
            return
        # Imported here, since it loads psycopg: 0.1 s of each command on SQLite.
        from django.contrib.postgres.operations import AddIndexConcurrently

        operation = AddIndexConcurrently(self.model_name, self.index)
        with _no_time_limits(schema_editor.connection):
            getattr(operation, method)(app_label, schema_editor, *states)


@contextmanager
def _no_time_limits(connection: Any) -> Iterator[None]:
    """Lift the limits of the settings: a build waits for all older transactions to end."""
    with connection.cursor() as cursor:
        for limit in LIMITS:
            cursor.execute(f"SET {limit} = 0")
        try:
            yield
        finally:
            for limit in LIMITS:
                cursor.execute(f"RESET {limit}")
