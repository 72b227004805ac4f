"""What surrounds the code: the workflow, pre-commit, and the library as a wheel."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import demo
from tests.template.generating import FOLDER, ROOT
from tests.template.living import copy_of, with_uv_on_the_path
from tests.template.settings_reader import SettingsReader


@pytest.fixture(scope="module")
def workflow(desk_project: Path) -> dict[Any, Any]:
    text = (desk_project / ".github/workflows/ci.yml").read_text()
    found = yaml.safe_load(text)
    assert isinstance(found, dict)
    return found


class TestWorkflow:
    def test_runs_only_commands_that_exist(
        self, workflow: dict[Any, Any], desk_project: Path
    ) -> None:
        runs = [step["run"] for step in workflow["jobs"]["check"]["steps"] if "run" in step]
        made = [run for run in runs if run.startswith("make ")]

        assert made == ["make check"]
        for run in made:
            demo.run([*run.split(), "--dry-run"], cwd=desk_project)

    def test_tests_each_change_on_the_default_branch_whatever_its_name(
        self, workflow: dict[Any, Any]
    ) -> None:
        events = workflow[True]  # YAML 1.1 reads `on` as true

        assert events == {"push": None, "pull_request": None}
        condition = workflow["jobs"]["check"]["if"]
        assert "github.event.repository.default_branch" in condition
        assert "pull_request" in condition

    def test_gives_its_servers_to_the_project_under_names_that_it_reads(
        self, workflow: dict[Any, Any], desk_project: Path
    ) -> None:
        job = workflow["jobs"]["check"]
        (step,) = [step for step in job["steps"] if step.get("name") == "Use the servers"]
        (row,) = [one for one in job["strategy"]["matrix"]["include"] if "database_url" in one]
        set_to = dict(re.findall(r'echo "(\w+)=\$\{\{ matrix\.(\w+) \}\}"', step["run"]))
        environment = {name: row[variable] for name, variable in set_to.items()}
        reader = SettingsReader(desk_project)
        settings = reader.read(**environment)
        reader.close()

        assert step["run"].rstrip().endswith('>> "$GITHUB_ENV"')
        assert set(environment) <= set(settings["read"])
        assert settings["DATABASES"]["default"]["ENGINE"].endswith("postgresql")
        password = job["services"]["postgres"]["env"]["POSTGRES_PASSWORD"]
        assert settings["DATABASES"]["default"]["PASSWORD"] == password
        assert settings["CACHES"]["default"]["BACKEND"].endswith("RedisCache")
        assert row["cache_url"] != row["broker_url"]

    def test_may_write_nothing_and_keeps_no_credentials(self, workflow: dict[Any, Any]) -> None:
        assert workflow["permissions"] == {"contents": "read"}
        (checkout,) = [
            step
            for step in workflow["jobs"]["check"]["steps"]
            if step.get("uses", "").startswith("actions/checkout@")
        ]
        assert checkout["with"]["persist-credentials"] is False

    def test_ends_by_itself(self, workflow: dict[Any, Any]) -> None:
        assert workflow["jobs"]["check"]["timeout-minutes"] <= 30


WORKFLOWS = (FOLDER + "/.github/workflows/ci.yml", ".github/workflows/ci.yml")


class TestActions:
    @pytest.mark.parametrize("path", WORKFLOWS)
    def test_are_pinned_by_the_hash_of_a_commit_beside_their_version(self, path: str) -> None:
        uses = re.findall(r"uses: (.+)$", (ROOT / path).read_text(), re.MULTILINE)

        assert uses
        for action in uses:
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action

    @pytest.mark.parametrize("path", WORKFLOWS)
    def test_run_for_the_default_branch_and_for_pull_requests_in_every_job(self, path: str) -> None:
        jobs = yaml.safe_load((ROOT / path).read_text())["jobs"]

        assert len({job["if"] for job in jobs.values()}) == 1
        assert any(step.get("run") == "uv audit" for step in jobs["audit"]["steps"])


class TestDependabot:
    @pytest.mark.parametrize(
        ("folder", "ecosystems"),
        [
            (FOLDER, {"uv", "github-actions", "docker", "docker-compose"}),
            ("", {"uv", "github-actions"}),
        ],
    )
    def test_updates_everything_that_is_pinned_a_week_after_its_release(
        self, folder: str, ecosystems: set[str]
    ) -> None:
        config = yaml.safe_load((ROOT / folder / ".github/dependabot.yml").read_text())

        assert {update["package-ecosystem"] for update in config["updates"]} == ecosystems
        for update in config["updates"]:
            assert update["cooldown"] == {"default-days": 7}


class TestPreCommit:
    @pytest.fixture(scope="class")
    @classmethod
    def project(cls, desk_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """A project with a fault for each hook."""
        project = copy_of(desk_project, tmp_path_factory.mktemp("commit") / "desk")
        (project / "apps/catalog/unused.py").write_text("import os\n\n\nx = ( 1 )\n")
        return project

    @pytest.mark.parametrize(
        ("hook", "arguments"),
        [
            ("ruff-check", ["--no-fix", "apps/catalog/unused.py"]),
            ("ruff-format", ["--check", "apps/catalog/unused.py"]),
            ("layout", []),
        ],
    )
    def test_refuses_a_fault_where_uv_is_not_on_the_path(
        self, hook: str, arguments: list[str], project: Path
    ) -> None:
        sound = run_hook(hook, ["manage.py"] if arguments else [], project=project, fixed=True)
        broken = run_hook(hook, arguments, project=project)

        assert sound.returncode == 0, sound.stdout
        assert broken.returncode == 1
        assert "unused.py" in broken.stdout

    def test_uses_a_pre_commit_file_that_pre_commit_accepts(self, project: Path) -> None:
        config = yaml.safe_load((project / ".pre-commit-config.yaml").read_text())

        for hook in config["repos"][0]["hooks"]:
            assert {"id", "name", "entry", "language"} <= hook.keys()
            assert hook["language"] == "system"


def run_hook(
    hook: str, arguments: list[str], *, project: Path, fixed: bool = False
) -> "subprocess.CompletedProcess[str]":
    """Run a hook as pre-commit does: its entry, then the files, in the project's folder."""
    config = yaml.safe_load((project / ".pre-commit-config.yaml").read_text())
    (entry,) = [one["entry"] for one in config["repos"][0]["hooks"] if one["id"] == hook]
    fault = project / "apps/catalog/unused.py"
    kept = fault.read_text()
    if fixed:
        fault.unlink()
    try:
        return subprocess.run(
            [*entry.split(), *arguments],
            cwd=project,
            env={"PATH": "/usr/bin:/bin"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    finally:
        fault.write_text(kept)


class TestWheel:
    def test_checks_a_project_whose_vendored_folder_is_gone(
        self, desk_project: Path, tmp_path: Path
    ) -> None:
        with_uv_on_the_path()
        project = copy_of(desk_project, tmp_path / "desk")
        shutil.rmtree(project / "vendor")
        (project / ".venv").unlink()
        source, fresh = ROOT / FOLDER / "vendor/trellis", tmp_path / "venv"
        uv = shutil.which("uv") or "uv"
        demo.run([uv, "build", "--wheel", "-o", str(tmp_path), str(source)], cwd=tmp_path)
        (wheel,) = tmp_path.glob("trellis_conventions-*.whl")
        demo.run([uv, "venv", "--python", sys.executable, str(fresh)], cwd=tmp_path)
        install = [uv, "pip", "install", "--python", str(fresh / "bin/python"), str(wheel)]
        demo.run(install, cwd=tmp_path)
        trellis = str(fresh / "bin/trellis")

        assert demo.run([trellis, "check"], cwd=project)
        (project / "apps/catalog/notes.py").touch()
        with pytest.raises(demo.DemoFailed, match="module_has_a_home"):
            demo.run([trellis, "check"], cwd=project)

    def test_has_the_files_that_are_not_python(self) -> None:
        folder = ROOT / FOLDER / "vendor/trellis"
        about = tomllib.loads((folder / "pyproject.toml").read_text())

        assert about["project"]["scripts"]["trellis"] == "trellis.commands.cli:run"
        assert (folder / "src/trellis/py.typed").exists()
        assert any((folder / "src/trellis/app_template").iterdir())
