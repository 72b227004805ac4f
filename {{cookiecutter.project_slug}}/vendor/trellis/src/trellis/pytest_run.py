"""A plugin of pytest that prepares the environment of a test run: `-p trellis.pytest_run`.

pytest loads it before Django's settings; a conftest.py would come too late for them.
"""

import fcntl
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import IO

import pytest

from trellis.env import WrongEnvironment

_locks: list[IO[str]] = []  # held open until the process ends, however it ends


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Let tests run the same everywhere: without `.env`, with messages and uploads in memory.

    TEST_RUN gets the lowest number that no other run in this checkout has, so that databases and
    keys in a cache can be named by it. A killed run's number is free again, and its database is
    replaced. The processes of pytest-xdist share the number of the run.
    """
    os.environ["IGNORE_ENV_FILE"] = "1"
    os.environ.setdefault("CELERY_BROKER_URL", "memory://")
    os.environ["STORAGE_URL"] = "memory://"
    os.environ["LOG_FILE"] = os.devnull
    if not ("PYTEST_XDIST_WORKER" in os.environ and "TEST_RUN" in os.environ):
        os.environ["TEST_RUN"] = str(_free_number(early_config.rootpath / "var"))
    try:
        return (yield)
    except ImportError as error:  # pytest-django makes one of every error in the settings
        if isinstance(error.__context__, WrongEnvironment):
            raise pytest.UsageError(str(error.__context__)) from None
        raise


def _free_number(folder: Path) -> int:
    folder.mkdir(mode=0o700, exist_ok=True)
    for number in count(1):
        lock = (folder / f"test-{number}.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
        else:
            _locks.append(lock)
            return number
    raise AssertionError("count() never ends")
