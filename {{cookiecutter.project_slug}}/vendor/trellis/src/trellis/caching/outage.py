"""What happens while the cache is away: reads go past it, and not each of them has to find out."""

import contextlib
import logging
import math
import time
from collections.abc import Iterator

from django.db import Error as DatabaseTrouble
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)
AWAY = (OSError, DatabaseTrouble, RedisError)  # what a cache raises that is out of reach
PASSED_BY = 5.0  # seconds: a cache that did not answer is not asked again for so long
LOG_EVERY = 60.0  # seconds between two log lines


class Outage:
    """Whether this process found the cache away, a moment ago."""

    def __init__(self) -> None:
        self._over_at = self._logged_at = -math.inf

    def is_on(self) -> bool:
        return time.monotonic() < self._over_at

    def note(self, error: Exception) -> None:
        now = time.monotonic()
        self._over_at = now + PASSED_BY
        if now - self._logged_at > LOG_EVERY:
            self._logged_at = now
            logger.warning("The cache is out of reach, reading past it: %s", error)

    @contextlib.contextmanager
    def noted(self) -> Iterator[None]:
        """Let the cache fail inside this block: what was loaded is right without it."""
        try:
            yield
        except AWAY as error:
            self.note(error)

    def end(self) -> None:
        """Ask the cache again from now on (for tests)."""
        self._over_at = self._logged_at = -math.inf


state = Outage()
