import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from trellis.commands import setup

SAMPLE = Path(__file__).parent / "sample"
NOWHERE = "127.0.0.1:1"  # where no server listens


class TestMakeEnvFile:
    def test_fills_in_fresh_secrets_that_only_the_owner_can_read(self, tmp_path: Path) -> None:
        (tmp_path / ".env.example").write_text("# change-me is replaced\nSECRET_KEY=change-me\n")

        assert setup.make_env_file(root=tmp_path)

        comment, setting = (tmp_path / ".env").read_text().splitlines()
        assert comment == "# change-me is replaced"
        assert len(setting) > 60
        assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600

    def test_never_touches_a_file_that_is_there(self, tmp_path: Path) -> None:
        (tmp_path / ".env.example").write_text("SECRET_KEY=change-me\n")
        (tmp_path / ".env").write_text("mine")

        assert not setup.make_env_file(root=tmp_path)
        assert (tmp_path / ".env").read_text() == "mine"


class TestDemoCommands:
    def test_are_those_of_the_projects_own_apps(self, monkeypatch: pytest.MonkeyPatch) -> None:
        found = {"demo_b": "apps.accounts", "demo_a": "apps.accounts", "demo_x": "package"}
        monkeypatch.setattr(setup, "get_commands", lambda: found | {"migrate": "django.core"})

        assert setup.demo_commands() == ["demo_a", "demo_b"]


class TestMain:
    """Each in a process and a folder of its own, as `trellis setup` runs."""

    def test_prepares_all_and_can_be_repeated(self, project: Path) -> None:
        first, second = run(project), run(project)

        assert (first.returncode, first.stdout) == (0, "Wrote .env with fresh secrets.\n")
        assert (second.returncode, second.stdout, second.stderr) == (0, "", "")

    @pytest.mark.parametrize(
        ("environment", "line"),
        [
            ({"X": "two"}, "X cannot be 'two'. Write a whole number."),
            ({"DJANGO_SETTINGS_MODULE": "shop.settings"}, "DJANGO_SETTINGS_MODULE is 'shop."),
            ({"DATABASE_URL": f"postgres://u:hidden@{NOWHERE}/x"}, "The database of DATABASE_URL"),
            ({"DATABASE_URL": "sqlite:////no/such/folder/x.db"}, "The database of DATABASE_URL"),
            ({"CACHE_URL": f"redis://:hidden@{NOWHERE}/0"}, "The cache of CACHE_URL cannot"),
            ({"CELERY_BROKER_URL": f"redis://:hidden@{NOWHERE}/0"}, "The broker of CELERY_"),
            ({"CELERY_BROKER_URL": f"amqp://u:hidden@{NOWHERE}//"}, "The broker of CELERY_"),
        ],
    )
    def test_says_in_one_line_what_is_not_right(
        self, project: Path, environment: dict[str, str], line: str
    ) -> None:
        done = run(project, **environment)

        assert done.returncode == 1
        assert done.stderr.startswith(line)
        assert len(done.stderr.splitlines()) == 1
        assert "hidden" not in done.stderr


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the sample project that reads X from the environment, and may be written to."""
    project = Path(shutil.copytree(SAMPLE, tmp_path / "sample"))
    (project / ".env.example").write_text("X=1\n")
    settings = project / "config/settings.py"
    read = "\nfrom trellis.env import Environment\n_env = Environment(root=BASE_DIR)\n"
    read += '_env.number("X", default=0)\n_env.check()\n'
    keep = f'VAR_DIR = Path("{tmp_path}")'
    kept = settings.read_text().replace("VAR_DIR = Path(tempfile.mkdtemp(", f"{keep}  # ((")
    settings.write_text(kept + read)
    return project


def run(project: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "trellis", "setup"],
        cwd=project,
        env={name: os.environ.get(name, "") for name in ("PATH", "PYTHONPATH")} | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
