"""Indexes on tables that are in use."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class AddIndex(AddIndexConcurrently):
    """`migrations.AddIndex` for a table that has rows: nobody waits while it is built.

    Concurrent on PostgreSQL, and free to take as long as it does; plain on SQLite. The migration
    says `atomic = False`. Where the building was interrupted an invalid index is left behind:
    drop it by its name, and migrate again.
    """

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        arguments = (app_label, schema_editor, from_state, to_state)
        if schema_editor.connection.vendor == "postgresql":
            with _without_time_limits(schema_editor.connection):
                super().database_forwards(*arguments)
        else:
            migrations.AddIndex.database_forwards(self, *arguments)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        arguments = (app_label, schema_editor, from_state, to_state)
        if schema_editor.connection.vendor == "postgresql":
            super().database_backwards(*arguments)
        else:
            migrations.AddIndex.database_backwards(self, *arguments)


@contextmanager
def _without_time_limits(connection: Any) -> Iterator[None]:
    """Lift the limits of config/settings.py: it waits for every older transaction to end."""
    limits = ("statement_timeout", "lock_timeout")
    with connection.cursor() as cursor:
        for limit in limits:
            cursor.execute(f"SET {limit} = 0")
    yield
    with connection.cursor() as cursor:
        for limit in limits:
            cursor.execute(f"RESET {limit}")
