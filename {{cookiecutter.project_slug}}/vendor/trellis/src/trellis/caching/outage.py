"""When the cache cannot be reached: reads bypass it for a few seconds instead of failing."""

import contextlib
import logging
import math
import time
from collections.abc import Iterator

from django.db import Error as DatabaseError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)
UNREACHABLE = (OSError, DatabaseError, RedisError)  # what Django's cache backends raise
BYPASS_SECONDS = 5.0  # after a failure this process does not use the cache for so long
LOG_SECONDS = 60.0  # at most one log line in this time


class Outage:
    """Whether the cache failed a moment ago, as seen by this process."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Use the cache again at once (for tests)."""
        self._ends_at = self._logged_at = -math.inf

    def is_on(self) -> bool:
        return time.monotonic() < self._ends_at

    @contextlib.contextmanager
    def tolerated(self) -> Iterator[None]:
        """Suppress errors of an unreachable cache inside this block, and begin a bypass."""
        try:
            yield
        except UNREACHABLE as error:
            now = time.monotonic()
            self._ends_at = now + BYPASS_SECONDS
            if now - self._logged_at > LOG_SECONDS:
                self._logged_at = now
                logger.warning("The cache cannot be reached, reads bypass it: %s", error)


state = Outage()
