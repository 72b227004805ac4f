"""One copy of the template, and one project of each starter, for all tests of a process."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.template.generating import commit_all, generate, template_copy


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give all tests that need the running project to one test process, so that it runs once."""
    for item in items:
        if "desk" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("desk"))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template with a history of one commit. No test writes to it."""
    return commit_all(template_copy(to=tmp_path_factory.mktemp("template") / "django-trellis"))


@pytest.fixture(scope="session")
def generated(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`generated("example")`: a project made with the default answers. No test writes to it."""

    @cache
    def project(starter: str) -> Path:
        scratch = tmp_path_factory.mktemp(starter)
        return generate(template=template, scratch=scratch, answers={"starter": starter}).project

    return project


@pytest.fixture
def altered(tmp_path: Path) -> Path:
    """A copy of the template that a test may change, without history."""
    return template_copy(to=tmp_path / "altered")
