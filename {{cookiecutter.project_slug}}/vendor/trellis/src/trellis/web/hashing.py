"""Password hashing that leaves the machine room for everything else."""

import threading
from typing import Any

from django.contrib.auth import hashers

AT_ONCE = threading.BoundedSemaphore(2)  # in each process


class Argon2PasswordHasher(hashers.Argon2PasswordHasher):
    """Django's, two passwords at a time: each takes 100 MB and all cores.

    Many people, or programs, who sign in at once wait for each other and not everybody for them.
    """

    def encode(self, *args: Any, **kwargs: Any) -> Any:
        with AT_ONCE:
            return super().encode(*args, **kwargs)

    def verify(self, *args: Any, **kwargs: Any) -> Any:
        with AT_ONCE:
            return super().verify(*args, **kwargs)
