"""`AddIndex` on PostgreSQL. On SQLite it is Django's own `AddIndex`."""

from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models
from django.db.migrations.state import ProjectState

from trellis import reads

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def statements() -> list[str]:
    """Add an index with `AddIndex` and remove it again; return the SQL."""
    operation = reads.AddIndex(
        model_name="group", index=models.Index(fields=["name", "id"], name="group_by_name")
    )
    before = ProjectState.from_apps(apps)
    after = before.clone()
    operation.state_forwards("auth", after)
    seen: list[str] = []

    def record(execute: Any, sql: str, *args: Any) -> Any:
        seen.append(sql)
        return execute(sql, *args)

    with connection.execute_wrapper(record), connection.schema_editor(atomic=False) as editor:
        operation.database_forwards("auth", editor, before, after)
        operation.database_backwards("auth", editor, after, before)
    return seen


class TestAddIndex:
    @pytest.mark.skipif(connection.vendor != "postgresql", reason="needs DATABASE_URL=postgres://…")
    def test_builds_concurrently_and_without_time_limits(self, statements: list[str]) -> None:
        build = next(n for n, sql in enumerate(statements) if "CREATE INDEX CONCURRENTLY" in sql)

        for limit in ("statement_timeout", "lock_timeout"):
            assert f"SET {limit} = 0" in statements[:build]
            assert f"RESET {limit}" in statements[build:]

    @pytest.mark.skipif(connection.vendor != "sqlite", reason="needs SQLite")
    def test_is_a_plain_index_on_sqlite(self, statements: list[str]) -> None:
        assert 'CREATE INDEX "group_by_name" ON "auth_group" ("name", "id")' in statements
        assert 'DROP INDEX "group_by_name"' in statements
