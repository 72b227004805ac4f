"""Migrations that the code of yesterday survives, and that nobody has to wait for.

A deployment migrates first, while the old code still runs. `refusals()` names what would break it,
or would hold a lock for as long as a table is large, each with the way to do it in two steps. It
reads operations and asks no database, so its verdict is the same on SQLite and on PostgreSQL.

It does not see what `RunSQL` does, and lets constraints pass: adding one reads the whole table,
within `lock_timeout` and `statement_timeout`. What was looked at and may stay says so for good:
`accepted = "no code has read it since release 12"` in the Migration.
"""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from django.apps import apps
from django.conf import settings
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import Value
from django.db.models.functions import Now

OURS = ("apps.", "conventions")
STATE_FIRST = (
    "the code that runs now still reads it. First take it out of the models alone, by"
    " SeparateDatabaseAndState(state_operations=[...]), with a column that may be null; drop it by"
    " RunSQL in a release after that."
)
KEEP_NAME = (
    "the code that runs now knows the old name. Keep it in the database, by {keep}, inside"
    " SeparateDatabaseAndState(state_operations=[...])."
)
ADD_BESIDE = (
    "the table is written anew while everybody waits. Add a column beside it, fill it in batches,"
    " and read from the new one in the next release."
)
INDEX_APART = (
    "nobody can write while its index is built. Say db_index=False, put the index into"
    " Meta.indexes, and add it in a migration that says `atomic = False`, by AddIndex of"
    " trellis.reads in place of what makemigrations writes."
)
UNIQUE_APART = (
    "nobody can write while its index is built. Take unique=True away, and put a UniqueConstraint"
    " into Meta, in a migration of its own: that waits no longer than statement_timeout."
)


class Refusal(NamedTuple):
    """An operation that must not run as it stands."""

    path: str
    line: int
    message: str


def refusals() -> Iterator[Refusal]:
    """Look at every migration of the project's own apps, but those that begin an app."""
    loader = MigrationLoader(None, ignore_no_migrations=True)
    ours = {config.label for config in apps.get_app_configs() if config.name.startswith(OURS)}
    for (label, name), migration in sorted(loader.disk_migrations.items()):
        if label in ours and not migration.initial and not getattr(migration, "accepted", ""):
            before = loader.project_state((label, name), at_end=False)
            yield from refused(migration, before=before)


def refused(migration: migrations.Migration, *, before: ProjectState) -> Iterator[Refusal]:
    """Look at one migration, on top of the state that it finds."""
    path = Path(inspect.getfile(type(migration)))
    lines = _lines(path)
    state = before.clone()
    made = {
        operation.name_lower
        for outer in migration.operations
        for operation in _on_the_database(outer)
        if isinstance(operation, migrations.CreateModel)
    }
    for number, outer in enumerate(migration.operations):
        line = lines[number] if number < len(lines) else 1
        for operation in _on_the_database(outer):
            model = getattr(operation, "model_name_lower", getattr(operation, "name_lower", ""))
            why = "" if model in made else _why(operation, migration=migration, state=state)
            if why:
                yield Refusal(_shown(path), line, f"{operation.describe()}: {why}")
        outer.state_forwards(migration.app_label, state)


def _on_the_database(operation: Operation) -> list[Operation]:
    if isinstance(operation, migrations.SeparateDatabaseAndState):
        return [inner for one in operation.database_operations for inner in _on_the_database(one)]
    return [operation]


def _why(operation: Operation, *, migration: migrations.Migration, state: ProjectState) -> str:
    """Return why an operation is refused and what to do, and nothing where it is fine."""
    match operation:
        case migrations.RemoveField() | migrations.DeleteModel():
            return STATE_FIRST
        case migrations.RenameField(old_name=old):
            return KEEP_NAME.format(keep=f'db_column="{old}"')
        case migrations.RenameModel() | migrations.AlterModelTable():
            return KEEP_NAME.format(keep="db_table in its Meta")
        case migrations.AddField(field=field):
            return _why_added(field)
        case migrations.AlterField(model_name=model, name=name, field=field):
            was = state.models[migration.app_label, model.lower()].fields[name]
            if _column(was, name=name) != _column(field, name=name):
                return KEEP_NAME.format(keep=f'db_column="{_column(was, name=name)}"')
            return _why_altered(was, field)
        case migrations.AddIndex() if type(operation) is migrations.AddIndex:
            return "nobody can write while it is built. Use AddIndex of trellis.reads."
        case migrations.AddIndex() if migration.atomic:
            return "it cannot be built inside a transaction. Say `atomic = False`."
        case migrations.RunPython(reverse_code=None):
            return "there is no way back. Pass reverse_code, RunPython.noop where it needs none."
        case migrations.RunPython() if len(migration.operations) > 1:
            return "the locks of the others are held while it runs. Give it its own migration."
        case _:
            return ""


def _why_added(field: Any) -> str:
    if field.generated and field.db_persist:
        return ADD_BESIDE
    if field.many_to_many:
        return ""
    if field.has_db_default() and not _is_the_same_for_all_rows(field.db_default):
        return ADD_BESIDE
    if not field.null and not field.has_db_default():
        return (
            "the code that runs now inserts rows without it. Give it a db_default, or null=True now"
            " and a value in each row before the release that asks for one."
        )
    return _why_indexed(field)


def _is_the_same_for_all_rows(default: Any) -> bool:
    return isinstance(default, Value | Now) or not hasattr(default, "resolve_expression")


def _column(field: Any, *, name: str) -> str:
    return field.db_column or (f"{name}_id" if field.is_relation else name)


def _why_altered(was: Any, field: Any) -> str:
    if was.null and not field.null:
        return (
            "the code that runs now may write null, and every row is looked at under a lock. Write"
            " a value everywhere in one release; say so in the database in the next, `accepted`."
        )
    if not _is_kept_the_same_way(was, field):
        return ADD_BESIDE
    longest, before = getattr(field, "max_length", None), getattr(was, "max_length", None)
    if longest and before and longest < before:
        return "what is longer does not fit, and the code that runs now may write it."
    return "" if was.db_index or was.unique else _why_indexed(field)


def _why_indexed(field: Any) -> str:
    return UNIQUE_APART if field.unique else INDEX_APART if field.db_index else ""


def _is_kept_the_same_way(was: Any, field: Any) -> bool:
    """Whether PostgreSQL keeps the rows as they are when the one becomes the other."""
    if isinstance(was, models.DecimalField) and isinstance(field, models.DecimalField):
        return field.decimal_places == was.decimal_places and field.max_digits >= was.max_digits
    if isinstance(was, models.CharField):
        return isinstance(field, models.CharField | models.TextField)
    return type(was) is type(field) or was.get_internal_type() == field.get_internal_type()


def _lines(path: Path) -> list[int]:
    """Return the line of each entry of `operations`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "operations":
            return [one.lineno for one in getattr(node.value, "elts", [])]
    return []


def _shown(path: Path) -> str:
    inside = path.is_relative_to(settings.BASE_DIR)
    return (path.relative_to(settings.BASE_DIR) if inside else path).as_posix()
