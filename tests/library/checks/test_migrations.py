"""What a migration may do to a table that is in use."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.db import models
from django.db.migrations.state import ModelState, ProjectState

from trellis.checks import migrations
from trellis.checks.rules import Finding

HEAD = """
from django.db import migrations, models
from django.db.models.functions import Lower, Now, Random
from trellis.reads import indexes

class Migration(migrations.Migration):
    {attribute}
    operations = [
        migrations.RunSQL("SELECT 1", "SELECT 1"),
        {operation},
    ]
"""


@pytest.fixture
def before() -> ProjectState:
    state = ProjectState()
    fields: list[tuple[str, models.Field[Any, Any]]] = [
        ("id", models.BigAutoField(primary_key=True)),
        ("title", models.CharField(max_length=50)),
        ("note", models.CharField(max_length=50, null=True)),
        ("size", models.IntegerField()),
        ("price", models.DecimalField(max_digits=10, decimal_places=2)),
    ]
    state.add_model(ModelState("shop", "Item", fields))
    return state


def judge(
    operation: str, *, before: ProjectState, folder: Path, attribute: str = "atomic = True"
) -> list[Finding]:
    name = f"written_{abs(hash(operation + attribute))}"
    (folder / f"{name}.py").write_text(HEAD.format(operation=operation, attribute=attribute))
    migration = import_module(name).Migration("0002_x", "shop")
    return list(migrations.judge(migration, before=before))


@pytest.fixture(autouse=True)
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)


class TestJudge:
    @pytest.mark.parametrize(
        ("operation", "way"),
        [
            ("migrations.RemoveField('item', 'note')", "SeparateDatabaseAndState"),
            ("migrations.DeleteModel('Item')", "SeparateDatabaseAndState"),
            ("migrations.RenameField('item', 'note', 'remark')", 'db_column="note"'),
            ("migrations.RenameModel('Item', 'Thing')", "db_table"),
            ("migrations.AlterModelTable('item', 'things')", "db_table"),
            ("migrations.AddField('item', 'n', models.IntegerField(default=0))", "db_default"),
            (
                "migrations.AddField('item', 'k', models.GeneratedField(expression=Lower('title'),"
                " output_field=models.TextField(), db_persist=True))",
                "new column",
            ),
            ("migrations.AlterField('item', 'note', models.CharField(max_length=50))", "null"),
            ("migrations.AlterField('item', 'size', models.TextField())", "new column"),
            ("migrations.AlterField('item', 'title', models.CharField(max_length=9))", "longer"),
            (
                "migrations.AlterField('item', 'title', models.CharField(max_length=50,"
                " db_index=True))",
                "trellis.reads",
            ),
            ("migrations.AlterField('item', 'size', models.IntegerField(db_column='n'))", "size"),
            (
                "migrations.AlterField('item', 'price', models.DecimalField(max_digits=8,"
                " decimal_places=2))",
                "new column",
            ),
            (
                "migrations.AddField('item', 'n', models.FloatField(db_default=Random()))",
                "new column",
            ),
            (
                "migrations.AddField('item', 'n', models.IntegerField(null=True, unique=True))",
                "Unique",
            ),
            (
                "migrations.AddField('item', 'of', models.ForeignKey('shop.Item', models.CASCADE,"
                " null=True))",
                "db_index=False",
            ),
            (
                "migrations.SeparateDatabaseAndState(database_operations=["
                "migrations.RemoveField('item', 'note')])",
                "SeparateDatabaseAndState",
            ),
            (
                "migrations.AddIndex('item', models.Index(fields=['size'], name='by_size'))",
                "trellis.reads",
            ),
            (
                "indexes.AddIndex('item', models.Index(fields=['size'], name='by_size'))",
                "atomic = False",
            ),
            ("migrations.RunPython(lambda apps, editor: None)", "reverse_code"),
            (
                "migrations.RunPython(lambda apps, editor: None, migrations.RunPython.noop)",
                "its own migration",
            ),
        ],
    )
    def test_reports_the_line_and_what_to_do(
        self, before: ProjectState, tmp_path: Path, operation: str, way: str
    ) -> None:
        (found,) = judge(operation, before=before, folder=tmp_path)

        assert way in found.message
        assert (found.line, found.rule) == (10, "migrations_take_two_steps")

    @pytest.mark.parametrize(
        "operation",
        [
            "migrations.CreateModel('Other', [('id', models.BigAutoField(primary_key=True))])",
            "migrations.CreateModel('New', [('id', models.BigAutoField(primary_key=True))]),"
            " migrations.AddIndex('new', models.Index(fields=['id'], name='by_id'))",
            "migrations.AddField('item', 'n', models.IntegerField(null=True))",
            "migrations.AddField('item', 'n', models.IntegerField(db_default=0))",
            "migrations.AddField('item', 'n', models.ManyToManyField('shop.Item'))",
            "migrations.AddField('item', 'n', models.DateTimeField(db_default=Now()))",
            "migrations.AddField('item', 'n', models.ForeignKey('shop.Item', models.CASCADE,"
            " null=True, db_index=False))",
            "migrations.AlterField('item', 'note', models.TextField(null=True))",
            "migrations.AlterField('item', 'title', models.SlugField(db_index=False))",
            "migrations.AlterField('item', 'title', models.CharField(max_length=50,"
            " db_column='title'))",
            "migrations.AlterField('item', 'price', models.DecimalField(max_digits=12,"
            " decimal_places=2))",
            "migrations.AlterField('item', 'title', models.CharField(max_length=60))",
            "migrations.AlterField('item', 'title', models.CharField(max_length=50, null=True))",
            "migrations.SeparateDatabaseAndState(state_operations=["
            "migrations.RemoveField('item', 'note')])",
        ],
    )
    def test_accepts_what_the_running_code_survives(
        self, before: ProjectState, tmp_path: Path, operation: str
    ) -> None:
        assert judge(operation, before=before, folder=tmp_path) == []

    def test_accepts_a_concurrent_index(self, before: ProjectState, tmp_path: Path) -> None:
        operation = "indexes.AddIndex('item', models.Index(fields=['size'], name='by_size'))"

        assert judge(operation, before=before, folder=tmp_path, attribute="atomic = False") == []


class TestFindings:
    def test_are_none_for_the_sample_project(self) -> None:
        assert list(migrations.findings()) == []

    def test_leave_out_a_migration_that_is_accepted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(migrations, "OWN", ("django.contrib.contenttypes",))
        name = "0002_remove_content_type_name"
        module = import_module(f"django.contrib.contenttypes.migrations.{name}")
        before = [Path(found.path).name for found in migrations.findings()]
        monkeypatch.setattr(module.Migration, "accepted", "it was never deployed", raising=False)

        assert before == [f"{name}.py"] * 2
        assert list(migrations.findings()) == []
