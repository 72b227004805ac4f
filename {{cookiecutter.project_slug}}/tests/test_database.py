"""What is asked of PostgreSQL, shown to happen. On SQLite there is nothing to ask."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.db import DatabaseError, OperationalError, connection, connections, models, transaction
from django.db.migrations.state import ProjectState
from trellis.reads import indexes

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor != "postgresql",
        reason="asks PostgreSQL: set DATABASE_URL to the address of one",
    ),
]


@contextlib.contextmanager
def at_most(limit: str, milliseconds: int) -> Iterator[None]:
    """Shorten a limit of config/settings.py, so that a test need not wait for it."""
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {limit}")
        assert cursor.fetchone() != ("0",), f"{limit} is not set in config/settings.py"
        cursor.execute(f"SET {limit} = {milliseconds}")
    try:
        yield
    finally:
        connection.close()


class TestLimits:
    def test_end_a_statement_that_takes_too_long(self) -> None:
        with (
            at_most("statement_timeout", 50),
            pytest.raises(OperationalError, match="statement timeout"),
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT pg_sleep(10)")

    def test_end_the_wait_for_a_lock(self) -> None:
        group = Group.objects.create(name="locked")
        held, release = threading.Event(), threading.Event()

        def hold() -> None:
            with contextlib.closing(connections["default"]), transaction.atomic():
                Group.objects.select_for_update().get(pk=group.pk)
                held.set()
                release.wait(timeout=30)

        holder = threading.Thread(target=hold)
        holder.start()
        try:
            assert held.wait(timeout=30)
            with (
                at_most("lock_timeout", 50),
                pytest.raises(OperationalError, match="lock timeout"),
                transaction.atomic(),
            ):
                Group.objects.select_for_update().get(pk=group.pk)
        finally:
            release.set()
            holder.join()

    def test_end_a_transaction_that_does_nothing(self) -> None:
        def think_in_a_transaction() -> None:
            with transaction.atomic():
                Group.objects.exists()
                with contextlib.closing(connections["default"].copy()) as other:
                    other.cursor().execute("SELECT pg_sleep(0.5)")
                Group.objects.exists()

        with (
            at_most("idle_in_transaction_session_timeout", 50),
            pytest.raises(DatabaseError, match="idle-in-transaction timeout"),
        ):
            think_in_a_transaction()

    def test_are_those_of_the_settings(self) -> None:
        said = {}
        with connection.cursor() as cursor:
            for limit in (
                "statement_timeout",
                "lock_timeout",
                "idle_in_transaction_session_timeout",
            ):
                cursor.execute(f"SHOW {limit}")
                said[limit] = cursor.fetchone()[0]

        assert said == {
            "statement_timeout": "30s",
            "lock_timeout": "10s",
            "idle_in_transaction_session_timeout": "1min",
        }

    def test_a_connection_that_was_cut_is_replaced_before_the_next_request(self) -> None:
        Group.objects.exists()
        with contextlib.closing(connections["default"].copy()) as other:
            pid = connection.connection.info.backend_pid
            other.cursor().execute("SELECT pg_terminate_backend(%s)", [pid])

        connection.close_if_unusable_or_obsolete()

        assert not Group.objects.exists()


class TestAddIndex:
    def test_is_built_while_others_write_and_outlives_the_limits(self) -> None:
        operation = indexes.AddIndex(
            model_name="group", index=models.Index(fields=["name", "id"], name="group_by_name")
        )
        before = ProjectState.from_apps(apps)
        after = before.clone()
        operation.state_forwards("auth", after)
        asked: list[str] = []

        def record(execute: Any, sql: str, *args: Any) -> Any:
            asked.append(sql)
            return execute(sql, *args)

        with (
            at_most("statement_timeout", 1),
            connection.execute_wrapper(record),
            connection.schema_editor(atomic=False) as editor,
        ):
            operation.database_forwards("auth", editor, before, after)
            operation.database_backwards("auth", editor, after, before)

        assert any("CREATE INDEX CONCURRENTLY" in sql for sql in asked)
        assert "SET statement_timeout = 0" in asked
