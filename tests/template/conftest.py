"""One copy of the template, and one project of each starter, for all tests of a process."""

import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.template.generating import generate, template_copy



@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template with a history of one commit. Never written to by a test."""
    root = template_copy(to=tmp_path_factory.mktemp("template") / "django-trellis")
    author = ["-c", "user.name=Trellis", "-c", "user.email=trellis@example.com"]
    for command in (["init", "-q"], ["add", "-f", "."], [*author, "commit", "-qm", "As it stands"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    return root


@pytest.fixture(scope="session")
def generated(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`generated("example")`: a project made with the default answers. To read, not to write."""

    @cache
    def project(starter: str) -> Path:
        made = generate(
            template=template,
            scratch=tmp_path_factory.mktemp(starter),
            answers={"starter": starter},
        )
        assert made.code == 0, "\n".join(made.said)
        return made.project

    return project
