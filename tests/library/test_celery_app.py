import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, signals
from kombu import Connection

import config
from trellis import celery_app
from trellis.tasks.base import Task


@pytest.fixture
def app() -> Iterator[Celery]:
    """An application that is connected and has one scheduled task."""
    app = Celery("tests", task_cls=Task, set_as_current=False)
    app.conf.beat_schedule = {"by hand": {"task": "a.b", "schedule": 60}}
    celery_app.connect(app)

    @app.task(name="tests.periodic", shared=False, schedule=timedelta(minutes=5), expires=300)
    def periodic() -> None: ...

    yield app
    app.close()


class TestConnect:
    def test_gives_beat_what_tasks_declare_and_what_was_set_by_hand(self, app: Celery) -> None:
        app.finalize()

        assert app.conf.beat_schedule["by hand"] == {"task": "a.b", "schedule": 60}
        assert app.conf.beat_schedule["tests.periodic"] == {
            "task": "tests.periodic",
            "schedule": timedelta(minutes=5),
            "options": {"expires": 300},
        }

    def test_changes_no_entry_that_was_set_by_hand(self, app: Celery) -> None:
        app.conf.beat_schedule["tests.periodic"] = {"task": "tests.periodic", "schedule": 1}

        app.finalize()

        assert app.conf.beat_schedule["tests.periodic"]["schedule"] == 1

    def test_keeps_celery_from_setting_up_the_logging(self, app: Celery) -> None:
        assert signals.setup_logging.send(sender=None)  # Celery does it if nobody answers

    @pytest.mark.parametrize("scheme", ["local", "redis", "rediss", "redis+socket"])
    def test_replaces_transports_that_lose_messages_or_die_of_them(
        self, app: Celery, scheme: str
    ) -> None:
        transport = Connection(f"{scheme}://localhost").get_transport_cls()

        assert transport.__module__ in ("trellis.local_broker", "trellis.redis_broker")


class TestRoute:
    def test_sends_a_task_to_the_queue_it_states(self, task: Any) -> None:
        assert celery_app.route(task.name, (), {}, {}, task=task) == {"queue": "mail"}
        assert celery_app.route("tests.unknown", (), {}, {}, task=None) is None


class TestCommandLine:
    """Celery's commands load no task, and must work before Django's apps are loaded."""

    @pytest.mark.parametrize(
        "command",
        ["call trellis.clean_up", "inspect ping -t 0.1", "report", "list bindings"],
    )
    def test_works_without_tasks(self, command: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "celery", "-A", "config", *command.split()],
            cwd=Path(config.__file__).parents[1],
            capture_output=True,
            text=True,
        )

        assert "Traceback" not in done.stderr
