"""Tasks, their schedule and Celery's settings, as the loaded project declares them."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, _state, current_app
from pytest_django import Settings

from tests.library.checks.conftest import Write, cases, marked, places
from trellis.celery_app import declared_schedule
from trellis.checks import declared_tasks

HEAD = """\
from __future__ import annotations
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, NewType, Optional
from uuid import UUID
from celery import Task, current_app, shared_task
from apps.accounts.models import User
if TYPE_CHECKING:
    from apps.accounts.services import EmailTaken
BedId = NewType("BedId", int)
type Beds = list[BedId]
TWICE = {"max_retries": 2, "time_limit": 60}
"""
GOOD = 'name="garden.water", max_retries=3, time_limit=60'
DAILY = f"{GOOD}, schedule=timedelta(days=1)"


def task(arguments: str = "*, bed: int", *, options: str = GOOD, mark: str = "") -> str:
    return f"@shared_task({options}){mark}\ndef water({arguments}) -> None: ...\n"


def bad(arguments: str = "*, bed: int", *, options: str = GOOD) -> str:
    return task(arguments, options=options, mark="  # !")


TASKS = {
    "holds": [task(), task(options=f'{DAILY}, expires=60, queue="mail"')],
    "tasks_carry_their_name": [
        bad(options="max_retries=3, time_limit=60"),
        bad(options=GOOD.replace("water", "weed")),
        bad(options=GOOD.replace("garden", "orchard")),
    ],
    "near tasks_carry_their_name": [
        'NAME = "garden.water"\n' + task(options=GOOD.replace('"garden.water"', "NAME")),
        task("self, *, bed: int", options=f"{GOOD}, bind=True"),
    ],
    "tasks_state_their_retries": [
        bad(options='name="garden.water", time_limit=60'),
        bad(options=GOOD.replace("max_retries=3", "max_retries=None")),
        bad(options=f"{GOOD}, autoretry_for=(OSError, Exception)"),
    ],
    "near tasks_state_their_retries": [
        task(options='name="garden.water", **TWICE'),
        task(options=GOOD.replace("3", "0") + ", autoretry_for=(OSError,)"),
        "class Often(current_app.Task):\n    abstract = True\n    max_retries = 9\n"
        + task(options='name="garden.water", base=Often, time_limit=60'),
    ],
    "tasks_have_time_limits": [
        bad(options='name="garden.water", max_retries=3'),
        bad(options=GOOD.replace("60", "0")),
        bad(options=GOOD.replace("time_limit", "soft_time_limit")),
    ],
    "near tasks_have_time_limits": [
        task(options='name="garden.water", **TWICE'),
        task(options=GOOD.replace("60", "5 * 60")),
    ],
    "schedules_expire": [
        bad(options=DAILY),
        bad(options=f"{DAILY}, expires=0"),
        bad(options=f"{DAILY}, expires=None"),
    ],
    "near schedules_expire": [task(options=f"{GOOD}, expires=60"), task()],
    "tasks_take_plain_values": [
        bad("bed: int"),
        bad("*, by: User"),
        bad("*, by: User | None = None"),
        bad("*, beds: list[User]"),
        bad("*, bed"),
        bad("*, error: EmailTaken"),
        bad("*, options: dict[str, Any]"),
        bad("*beds: int"),
        bad("*, wait: timedelta"),
        bad("*, beds: set[int]"),
    ],
    "near tasks_take_plain_values": [
        task("*, a: int, b: str, c: bool, d: float, e: None, f: UUID, g: date, h: datetime"),
        task("*, a: Decimal, b: Literal['x', 1], c: Optional[int], d: int | None, e: dict"),
        task("*, a: list[dict[str, int | None]], b: tuple[int, ...], c: Annotated[int, 'id']"),
        task("*, a: BedId, b: list[BedId], c: Beds, **more: str"),
        task(""),
        task("self, *, bed: int", options=f"{GOOD}, bind=True, autoretry_for=(OSError,)"),
    ],
}


@pytest.fixture(autouse=True)
def no_task_remains(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # The functions that add shared tasks to every new Celery application.
    monkeypatch.setattr(_state, "_on_app_finalizers", set())
    before = set(current_app.tasks)
    yield
    for name in set(current_app.tasks) - before:
        del current_app.tasks[name]


def task_of(module: Any) -> Any:
    (found,) = (t for t in current_app.tasks.values() if t.run.__module__ == module.__name__)
    return found


class TestTasks:
    @pytest.mark.parametrize(("rule", "code"), cases(TASKS))
    def test_reports_what_breaks_a_rule(self, write: Write, rule: str, code: str) -> None:
        module = write(HEAD + code, name="tasks")
        written = task_of(module)

        found = [
            *declared_tasks.place_and_name(written),
            *declared_tasks.limits(written),
            *declared_tasks.arguments(written),
        ]

        assert places(found, module=module, rule=rule) == marked(module)


class TestPlace:
    @pytest.mark.parametrize("layer", ["services", "jobs", "views"])
    def test_reports_a_task_in_another_module(self, write: Write, layer: str) -> None:
        module = write(HEAD + bad(), name=layer)

        found = list(declared_tasks.place_and_name(task_of(module)))

        assert places(found, module=module, rule="tasks_live_in_tasks") == marked(module)
        assert "Move it to apps/garden/tasks.py." in found[0].message

    def test_reports_a_class(self, write: Write) -> None:
        code = 'class Water(Task):  # !\n    name = "garden.water"\n    def run(self): ...\n'
        module = write(f"{HEAD}{code}current_app.register_task(Water())\n", name="tasks")

        found = declared_tasks.place_and_name(task_of(module))

        assert places(found, module=module, rule="tasks_live_in_tasks") == marked(module)

    def test_accepts_a_module_of_a_package(self, write: Write) -> None:
        module = write(HEAD + task(), name="tasks.watering")

        assert list(declared_tasks.place_and_name(task_of(module))) == []

    def test_accepts_an_abstract_base(self, write: Write) -> None:
        code = "class Careful(current_app.Task):\n    abstract = True\n"
        module = write(HEAD + code + task(options=f"{GOOD}, base=Careful"), name="tasks")

        assert list(declared_tasks.place_and_name(task_of(module))) == []


@pytest.fixture
def app() -> Celery:
    return Celery("tests", set_as_current=False, task_cls="trellis.tasks.base:Task")


class TestSecondApplication:
    def test_is_judged_like_the_first(self, write: Write) -> None:
        module = write(
            "from celery import Celery\napp = Celery('second', set_as_current=False)\n"
            "@app.task(name='garden.water')  # !\ndef water(bed): ...\n",
            name="tasks",
        )
        water = module.app.tasks["garden.water"]

        found = [*declared_tasks.limits(water), *declared_tasks.arguments(water)]

        assert {one.rule for one in found} == {
            "tasks_state_their_retries",
            "tasks_have_time_limits",
            "tasks_take_plain_values",
        }


class TestSchedule:
    def test_accepts_what_tasks_declare(self, app: Celery, root: Path) -> None:
        app.conf.beat_schedule = declared_schedule(app)

        assert list(declared_tasks.schedule(app)) == []

    def test_reports_an_entry_that_was_set_by_hand(self, app: Celery, root: Path) -> None:
        (root / "config").mkdir()
        (root / "config" / "celery.py").write_text("\napp.conf.beat_schedule = {}\n")
        app.conf.beat_schedule = {"water": {"task": "garden.water", "schedule": timedelta(1)}}

        (found,) = declared_tasks.schedule(app)

        assert found[:3] == ("config/celery.py", 1, "schedules_stand_on_their_task")
        assert "'water'" in found.message

    def test_reports_a_periodic_task(self, app: Celery, root: Path) -> None:
        @app.task(name="garden.water")
        def water() -> None: ...

        app.add_periodic_task(60, water.s(), name="water")

        (found,) = declared_tasks.schedule(app)

        assert found.rule == "schedules_stand_on_their_task"

    def test_reports_an_entry_that_differs_from_its_task(self, app: Celery, root: Path) -> None:
        @app.task(name="garden.water", schedule=timedelta(days=1), expires=60)
        def water() -> None: ...

        app.finalize()
        entry = {"task": "garden.water", "schedule": timedelta(days=2)}
        app.conf.beat_schedule = {"garden.water": entry}

        assert len(list(declared_tasks.schedule(app))) == 1


class TestSettingsOfCelery:
    @pytest.mark.parametrize(
        ("name", "option", "value"),
        [
            ("CELERY_TASK_TIME_LIMIT", "task_time_limit", 5),
            ("CELERY_BROKER_URL", "broker_url", "redis://localhost"),
            ("CELERY_BEAT_SCHEDULE", "beat_schedule", {"water": {"task": "garden.water"}}),
        ],
    )
    def test_reports_a_setting_that_nothing_reads(
        self, app: Celery, root: Path, settings: Settings, name: str, option: str, value: object
    ) -> None:
        (root / "config").mkdir()
        (root / "config" / "settings.py").write_text(f"\n{name} = {value!r}\n")
        setattr(settings, name, value)

        (found,) = declared_tasks.settings_of_celery(app)

        assert found[:3] == ("config/settings.py", 1, "celery_settings_stand_in_celery")
        assert found.message.endswith(f"Set {option} in config/celery.py.")

    def test_accepts_one_that_celery_was_told_to_read(
        self, app: Celery, settings: Settings
    ) -> None:
        settings.CELERY_TASK_TIME_LIMIT = app.conf.task_time_limit = 5

        assert list(declared_tasks.settings_of_celery(app)) == []

    def test_accepts_settings_of_others(self, app: Celery, settings: Settings) -> None:
        settings.DJANGO_STRUCTLOG_CELERY_ENABLED = True

        assert list(declared_tasks.settings_of_celery(app)) == []
