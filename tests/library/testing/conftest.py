"""The lines of these tests count as the project's own."""

from pathlib import Path

import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True)
def these_tests_are_the_project(settings: Settings) -> None:
    settings.BASE_DIR = Path(__file__).resolve().parents[3]
