"""Password hashing that leaves the machine room for everything else."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth import hashers

from trellis.web.status import TooManyRequests

# In each process.
AT_ONCE = threading.BoundedSemaphore(2)
WITH_THOSE_WHO_WAIT = threading.BoundedSemaphore(6)  # of the 8 threads in config/gunicorn.py


class Argon2PasswordHasher(hashers.Argon2PasswordHasher):
    """Django's, two passwords at a time: each takes 100 MB and all cores.

    Four more wait. Any other gets `TooManyRequests`: some threads stay free for other pages,
    however many people, or programs, sign in at once.
    """

    def encode(self, *args: Any, **kwargs: Any) -> Any:
        with _turn():
            return super().encode(*args, **kwargs)

    def verify(self, *args: Any, **kwargs: Any) -> Any:
        with _turn():
            return super().verify(*args, **kwargs)


@contextmanager
def _turn() -> Iterator[None]:
    if not WITH_THOSE_WHO_WAIT.acquire(blocking=False):
        raise TooManyRequests(retry_after=5)
    try:
        with AT_ONCE:
            yield
    finally:
        WITH_THOSE_WHO_WAIT.release()
