"""Migrations that the running code survives, and that keep no request waiting.

A deployment migrates first, while the old code still runs. `findings()` reports the operations that
would break that code, or hold a lock for as long as a table is large, each with the way to do it in
two steps. It reads operations and queries no database, so it finds the same on SQLite and on
PostgreSQL.

It does not see what `RunSQL` does, and it allows constraints: adding one reads the whole table,
within `lock_timeout` and `statement_timeout`. A migration that was reviewed and may stay says so
itself, for ever: `accepted = "no code has read it since release 12"` in its class.
"""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.apps import apps
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import Value
from django.db.models.functions import Now

from trellis.checks.located import relative
from trellis.checks.rules import Finding

RULE = "migrations_take_two_steps"
OWN = ("apps.", "trellis")
STATE_FIRST = (
    "the running code still reads it. First remove it from the models only, by"
    " SeparateDatabaseAndState(state_operations=[...]), from a column that may be null; drop it by"
    " RunSQL in a later release."
)
KEEP_NAME = (
    "the running code uses the old name. Keep it in the database, by {keep}, inside"
    " SeparateDatabaseAndState(state_operations=[...])."
)
ADD_BESIDE = (
    "the table is rewritten while every request waits. Add a new column, fill it in batches, and"
    " read it from the next release on."
)
INDEX_APART = (
    "nobody can write while its index is built. Write db_index=False, put the index into"
    " Meta.indexes, and add it in a migration with `atomic = False`, by AddIndex of trellis.reads"
    " in place of what makemigrations writes."
)
UNIQUE_APART = (
    "nobody can write while its index is built. Remove unique=True, and put a UniqueConstraint into"
    " Meta, in a migration of its own: that waits no longer than statement_timeout."
)


def findings() -> Iterator[Finding]:
    """Judge every migration of the project's own apps, except those that begin an app."""
    loader = MigrationLoader(None, ignore_no_migrations=True)
    own = {config.label for config in apps.get_app_configs() if config.name.startswith(OWN)}
    for (label, name), migration in sorted(loader.disk_migrations.items()):
        if label in own and not migration.initial and not getattr(migration, "accepted", ""):
            before = loader.project_state((label, name), at_end=False)
            yield from judge(migration, before=before)


def judge(migration: migrations.Migration, *, before: ProjectState) -> Iterator[Finding]:
    """Judge one migration, with the state of the models `before` it."""
    path = Path(inspect.getfile(type(migration)))
    lines = _lines_of_operations(path)
    state = before.clone()
    created = {
        operation.name_lower
        for outer in migration.operations
        for operation in _on_the_database(outer)
        if isinstance(operation, migrations.CreateModel)
    }
    for number, outer in enumerate(migration.operations):
        line = lines[number] if number < len(lines) else 1
        for operation in _on_the_database(outer):
            model = getattr(operation, "model_name_lower", getattr(operation, "name_lower", ""))
            why = "" if model in created else _why(operation, migration=migration, state=state)
            if why:
                yield Finding(relative(path), line, RULE, f"{operation.describe()}: {why}")
        outer.state_forwards(migration.app_label, state)


def _on_the_database(operation: Operation) -> list[Operation]:
    if isinstance(operation, migrations.SeparateDatabaseAndState):
        return [inner for one in operation.database_operations for inner in _on_the_database(one)]
    return [operation]


def _why(operation: Operation, *, migration: migrations.Migration, state: ProjectState) -> str:
    """Return why an operation is unsafe and what to do instead; "" if it is safe."""
    match operation:
        case migrations.RemoveField() | migrations.DeleteModel():
            return STATE_FIRST
        case migrations.RenameField(old_name=old_name):
            return KEEP_NAME.format(keep=f'db_column="{old_name}"')
        case migrations.RenameModel() | migrations.AlterModelTable():
            return KEEP_NAME.format(keep="db_table in its Meta")
        case migrations.AddField(field=field):
            return _why_added(field)
        case migrations.AlterField(model_name=model, name=name, field=field):
            old = state.models[migration.app_label, model.lower()].fields[name]
            if _column(old, name=name) != _column(field, name=name):
                return KEEP_NAME.format(keep=f'db_column="{_column(old, name=name)}"')
            return _why_altered(old, field)
        case migrations.AddIndex() if type(operation) is migrations.AddIndex:
            return "nobody can write while it is built. Use AddIndex of trellis.reads."
        case migrations.AddIndex() if migration.atomic:
            return "it cannot be built inside a transaction. Write `atomic = False`."
        case migrations.RunPython(reverse_code=None):
            return "it cannot be reversed. Pass reverse_code (RunPython.noop if there is none)."
        case migrations.RunPython() if len(migration.operations) > 1:
            return "the other operations hold their locks while it runs. Give it its own migration."
        case _:
            return ""


def _why_added(field: Any) -> str:
    if field.generated and field.db_persist:
        return ADD_BESIDE
    if field.many_to_many:
        return ""
    if field.has_db_default() and not _is_constant(field.db_default):
        return ADD_BESIDE
    if not field.null and not field.has_db_default():
        return (
            "the running code inserts rows without it. Give it a db_default; or null=True now, and"
            " a value in each row before the release that needs one."
        )
    return _why_indexed(field)


def _is_constant(default: Any) -> bool:
    return isinstance(default, Value | Now) or not hasattr(default, "resolve_expression")


def _column(field: Any, *, name: str) -> str:
    return field.db_column or (f"{name}_id" if field.is_relation else name)


def _why_altered(old: Any, field: Any) -> str:
    if old.null and not field.null:
        return (
            "the running code may write null, and every row is checked under a lock. Write a value"
            " everywhere in one release; change the column in the next, `accepted`."
        )
    if not _is_stored_alike(old, field):
        return ADD_BESIDE
    longest, longest_before = (getattr(one, "max_length", None) for one in (field, old))
    if longest and longest_before and longest < longest_before:
        return "longer values do not fit, and the running code may write them. Keep the length."
    return "" if old.db_index or old.unique else _why_indexed(field)


def _why_indexed(field: Any) -> str:
    return UNIQUE_APART if field.unique else INDEX_APART if field.db_index else ""


def _is_stored_alike(old: Any, field: Any) -> bool:
    """Whether PostgreSQL leaves the rows as they are when a column changes like this."""
    if isinstance(old, models.DecimalField) and isinstance(field, models.DecimalField):
        return field.decimal_places == old.decimal_places and field.max_digits >= old.max_digits
    if isinstance(old, models.CharField):
        return isinstance(field, models.CharField | models.TextField)
    return type(old) is type(field) or old.get_internal_type() == field.get_internal_type()


def _lines_of_operations(path: Path) -> list[int]:
    """Return the line of each entry of `operations`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "operations":
            return [one.lineno for one in getattr(node.value, "elts", [])]
    return []
