"""Test runs of a project, and its commands in a shell that holds variables of another project."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

import demo
from tests.template.living import copy_of, server_url

MEETING = """
import os, time
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection

from apps.accounts.tests.factories import UserFactory

FOLDER = Path(os.environ["MEETING"])


@pytest.mark.parametrize("part", [1, 2])  # one for each process of pytest-xdist
@pytest.mark.django_db(transaction=True)
def test_has_data_of_its_own(part: int) -> None:
    UserFactory(email="me@example.com")  # twice in one database it would be an error
    me = f"{os.getpid()}-{part}"
    cache.set("who", me)
    (FOLDER / f"{me}.here").touch()
    ends = time.monotonic() + float(os.environ["PATIENCE"])
    while len(list(FOLDER.glob("*.here"))) < int(os.environ["EXPECTED"]):
        assert time.monotonic() < ends
        time.sleep(0.05)

    assert cache.get("who") == me
    (FOLDER / f"{me}.name").write_text(str(connection.settings_dict["NAME"]))
"""


@pytest.fixture
def project(desk_project: Path, tmp_path: Path) -> Path:
    project = copy_of(desk_project, tmp_path / "desk")
    (project / "tests/test_meeting.py").write_text(MEETING)
    return project


class Meeting:
    """Test runs of one project that wait for each other, in a folder where they show up."""

    def __init__(self, project: Path, folder: Path, *, expected: int, **environment: str) -> None:
        folder.mkdir()
        self.folder, self.project = folder, project
        self.environment = demo.clean_environment() | environment
        self.environment |= {"MEETING": str(folder), "EXPECTED": str(expected), "PATIENCE": "60"}

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [".venv/bin/pytest", "-q", "tests/test_meeting.py", *arguments],
            cwd=self.project,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def names(self) -> set[str]:
        return {path.read_text() for path in self.folder.glob("*.name")}


class TestTwoRuns:
    @pytest.mark.parametrize("servers", ["none", "PostgreSQL and Redis"])
    def test_have_databases_and_caches_of_their_own_with_xdist_as_well(
        self, servers: str, project: Path, tmp_path: Path
    ) -> None:
        urls = {}
        if servers != "none":
            postgres = server_url("TRELLIS_POSTGRES_URL").rpartition("/")[0]
            redis = server_url("TRELLIS_REDIS_URL")
            urls = {"DATABASE_URL": f"{postgres}/runs", "CACHE_URL": f"{redis}/13"}
        meeting = Meeting(project, tmp_path / "meeting", expected=4, **urls)

        runs = [meeting.start("-n", "2", "--dist", "each") for _ in range(2)]

        for run in runs:
            output, _ = run.communicate(timeout=180)
            assert run.returncode == 0, output
        assert len(meeting.names()) == 4
        assert not list((project / "var").glob("test-*.sqlite3*"))

    def test_leave_nothing_behind_that_the_next_run_does_not_use_up(
        self, project: Path, tmp_path: Path
    ) -> None:
        waits = Meeting(project, tmp_path / "waits", expected=2)
        for _ in range(2):
            run = waits.start()
            demo.wait_until(
                lambda: len(list(waits.folder.glob("*.here"))) == 1, seconds=60, what="a test"
            )
            os.killpg(run.pid, signal.SIGKILL)
            run.communicate()
            next(waits.folder.glob("*.here")).unlink()
        left = {path.name for path in (project / "var").glob("test-*.sqlite3")}

        after = Meeting(project, tmp_path / "after", expected=1).start()
        output, _ = after.communicate(timeout=60)

        assert left == {"test-1.sqlite3"}
        assert after.returncode == 0, output
        assert not list((project / "var").glob("test-*.sqlite3*"))


class TestARun:
    def test_does_not_read_the_env_file(self, desk_project: Path, tmp_path: Path) -> None:
        project = copy_of(desk_project, tmp_path / "desk")
        with (project / ".env").open("a") as file:
            file.write("\nLOG_LEVEL=CRITICAL\nCELERY_BROKER_URL=local://localhost\n")
        (project / "tests/test_settings.py").write_text(
            "from celery import current_app\nfrom django.conf import settings\n\n\n"
            "def test_settings() -> None:\n"
            '    assert settings.LOG_LEVEL == "INFO"\n'
            '    assert settings.LOG_FILE == "/dev/null"\n'
            '    assert current_app.conf.broker_url == "memory://"\n'
        )

        demo.run([".venv/bin/pytest", "-q", "tests/test_settings.py"], cwd=project)
        demo.run([".venv/bin/pytest", "-q", "-n", "1", "tests/test_settings.py"], cwd=project)


MISSPELT = "DEBUG cannot be 'flase'. Write true or false."
FOREIGN = "belongs to another project. Unset it. This project's is config.settings."
CHECK = [".venv/bin/python", "manage.py", "check"]
TESTS = ["make", "test"]
ONE_APP = [".venv/bin/pytest", "-q", "apps/insights"]
BEAT = [".venv/bin/celery", "--quiet", "-A", "config", "beat"]
LAYOUT = [".venv/bin/trellis", "check"]
SETUP = [".venv/bin/trellis", "setup"]


class TestTheShellOfAnotherProject:
    @pytest.mark.parametrize("command", [CHECK, BEAT, SETUP, TESTS, ["make", "dev"]])
    def test_has_a_misspelt_flag_that_is_named_in_one_line(
        self, command: list[str], desk_project: Path
    ) -> None:
        said = output_of(command, desk_project, DEBUG="flase")

        assert MISSPELT in said
        assert "Traceback" not in said

    @pytest.mark.parametrize("module", ["shop.settings", "config.settings.local"])
    @pytest.mark.parametrize("command", [CHECK, BEAT, SETUP])
    def test_has_a_foreign_settings_module_that_is_named_in_one_line(
        self, command: list[str], module: str, desk_project: Path
    ) -> None:
        said = output_of(command, desk_project, DJANGO_SETTINGS_MODULE=module)

        assert said.splitlines() == [f"DJANGO_SETTINGS_MODULE is {module!r}, which {FOREIGN}"]

    @pytest.mark.parametrize(
        ("command", "environment"),
        [
            (CHECK, {"LOG_LEVEL": "info"}),
            (SETUP, {"LOG_LEVEL": "info"}),
            (LAYOUT, {"DEBUG": "flase", "DJANGO_SETTINGS_MODULE": "shop.settings"}),
            (ONE_APP, {"LOG_LEVEL": "info", "DJANGO_SETTINGS_MODULE": "config.settings.local"}),
        ],
    )
    def test_may_hold_what_makes_no_difference(
        self, command: list[str], environment: dict[str, str], desk_project: Path
    ) -> None:
        output_of(command, desk_project, works=True, **environment)


def output_of(command: list[str], project: Path, *, works: bool = False, **environment: str) -> str:
    """Run a command in a project; return what it printed, and fail if it does not end so."""
    done = subprocess.run(
        command,
        cwd=project,
        env=demo.clean_environment() | {"PORT": "0"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert (done.returncode == 0) == works, done.stdout
    return done.stdout
