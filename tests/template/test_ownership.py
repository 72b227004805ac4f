"""What is derived from who owns what: sound for any name, and never behind."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

HOSTILE = (
    'Says "no" to \\ and # and {{ braces }}: [all] of it',
    "- yes",
    "caf\u00e9 \u2028 \U0001f600 \u00a0 \x7f",
    "null",
    "a\tb",
    "% & * ! | > @ `",
)


def conventions(*arguments: str, project: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "trellis", *arguments],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def project(generated: Callable[[str], Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(generated("example"), tmp_path / "desk"))


class TestCatalogInfo:
    @pytest.mark.parametrize("purpose", HOSTILE)
    def test_is_yaml_whatever_a_purpose_says(self, project: Path, purpose: str) -> None:
        owners = project / "apps/bookings/OWNERS.toml"
        lines = owners.read_text().splitlines()
        in_toml = purpose.replace("\\", "\\\\").replace('"', '\\"').replace("\x7f", "\\u007f")
        lines[1] = f'purpose = "{in_toml}"'
        owners.write_text("\n".join(lines))

        assert conventions("owners", project=project).returncode == 0

        text = (project / "catalog-info.yaml").read_text()
        found = {one["metadata"]["name"]: one for one in yaml.safe_load_all(text)}
        assert found["bookings"]["metadata"]["description"] == purpose
        assert found["bookings"]["spec"] == {
            "type": "django-app",
            "lifecycle": "production",
            "owner": "group:default/platform",
            "dependsOn": ["component:workshop-desk/accounts", "component:workshop-desk/catalog"],
        }

    @pytest.mark.parametrize("path", ["catalog-info.yaml", ".github/CODEOWNERS"])
    def test_is_a_violation_when_it_is_behind(self, project: Path, path: str) -> None:
        (project / path).write_text("old")

        said = conventions(project=project).stdout

        assert f"{path}:1: codeowners_are_current: " in said
        assert "Run `make owners`." in said

    @pytest.mark.parametrize("content", [None, b'team = "platform"\ncolour = ['])
    def test_is_no_violation_as_well_where_an_owner_cannot_be_read(
        self, project: Path, content: bytes | None
    ) -> None:
        owners = project / "apps/bookings/OWNERS.toml"
        owners.unlink()
        if content:
            owners.write_bytes(content)

        (line,) = conventions(project=project).stdout.splitlines()

        assert ": app_has_an_owner: it " in line

    def test_is_left_alone_where_an_owner_is_missing(self, project: Path) -> None:
        (project / "apps/bookings/OWNERS.toml").unlink()
        (project / "apps/gone/__pycache__").mkdir(parents=True)
        (project / "apps/gone/__pycache__/views.cpython-313.pyc").touch()
        before = (project / "catalog-info.yaml").read_bytes()

        done = conventions("owners", project=project)

        assert done.returncode == 1
        assert done.stderr.startswith("apps/bookings/OWNERS.toml:1: it does not exist.")
        assert (project / "catalog-info.yaml").read_bytes() == before

    def test_is_left_alone_where_an_owner_cannot_be_read(self, project: Path) -> None:
        (project / "apps/bookings/OWNERS.toml").write_text('team = "platform"\ncolour = [')
        before = (project / "catalog-info.yaml").read_bytes()

        done = conventions("owners", project=project)

        assert done.returncode == 1
        assert done.stderr.startswith("apps/bookings/OWNERS.toml:2: it is not valid TOML")
        assert (project / "catalog-info.yaml").read_bytes() == before
