"""Fixtures of pytest."""

from collections.abc import Iterator

import pytest
from celery import current_app
from django.test import override_settings


@pytest.fixture(autouse=True, scope="session")
def quick_passwords() -> Iterator[None]:
    """Hash passwords quickly: the hashers of production are slow on purpose."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture
def eager_tasks() -> Iterator[None]:
    """Run tasks in this process when they are published (for unit tests only)."""
    before = current_app.conf.task_always_eager
    current_app.conf.task_always_eager = True
    yield
    current_app.conf.task_always_eager = before
