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
from django.db import migrations
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

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
        for operation in migration.operations
        if isinstance(operation, migrations.CreateModel)
    }
    for number, operation in enumerate(migration.operations):
        model = getattr(operation, "model_name_lower", getattr(operation, "name_lower", ""))
        why = "" if model in made else _why(operation, migration=migration, state=state)
        if why:
            said = f"{operation.describe()}: {why}"
            yield Refusal(_shown(path), lines[number] if number < len(lines) else 1, said)
        operation.state_forwards(migration.app_label, state)


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
            return _why_altered(was, field)
        case migrations.AddIndex() if type(operation) is migrations.AddIndex:
            return "nobody can write while it is built. Use AddIndex of conventions.indexes."
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
    if field.many_to_many or field.null or field.has_db_default():
        return ""
    return (
        "the code that runs now inserts rows without it. Give it a db_default, or null=True now"
        " and a value in each row before the release that asks for one."
    )


def _why_altered(was: Any, field: Any) -> str:
    if was.null and not field.null:
        return (
            "the code that runs now may write null, and every row is looked at under a lock. Write"
            " a value everywhere in one release; say so in the database in the next, `accepted`."
        )
    if type(was) is not type(field) and was.get_internal_type() != field.get_internal_type():
        return ADD_BESIDE
    longest, before = getattr(field, "max_length", None), getattr(was, "max_length", None)
    if longest and before and longest < before:
        return "what is longer does not fit, and the code that runs now may write it."
    if (field.db_index or field.unique) and not (was.db_index or was.unique):
        return (
            "nobody can write while its index is built. Put it into Meta.indexes, by AddIndex of"
            " conventions.indexes."
        )
    return ""


def _lines(path: Path) -> list[int]:
    """Return the line of each entry of `operations`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "operations":
            return [one.lineno for one in getattr(node.value, "elts", [])]
    return []


def _shown(path: Path) -> str:
    inside = path.is_relative_to(settings.BASE_DIR)
    return (path.relative_to(settings.BASE_DIR) if inside else path).as_posix()
