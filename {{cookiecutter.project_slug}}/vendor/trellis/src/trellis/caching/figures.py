"""Hits and loads of each cache, which `manage.py caches` shows.

Each process counts in memory and adds its counts to the row of the cache and day (UTC), at most
once a minute. A process that ends loses the counts since then.
"""

import logging
import threading
import time
from datetime import timedelta

from django.db import Error as DatabaseError
from django.db.models import F, Sum
from django.utils import timezone

from trellis.models import CacheUse

logger = logging.getLogger(__name__)
WRITE_SECONDS = 60.0


class Counter:
    """Counts the reads of one cache in this process."""

    def __init__(self, *, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._counts = {"hits": 0, "loads": 0, "load_seconds": 0.0}
        self._written_at = time.monotonic()

    def count(self, *, hits: int = 0, loads: int = 0, load_seconds: float = 0.0) -> None:
        """Add to the counts; write them when the last time is a minute ago."""
        with self._lock:
            for name, number in (("hits", hits), ("loads", loads), ("load_seconds", load_seconds)):
                self._counts[name] += number
            if time.monotonic() - self._written_at < WRITE_SECONDS:
                return
            counts, self._counts = self._counts, dict.fromkeys(self._counts, 0)
            self._written_at = time.monotonic()
        try:
            row, _ = CacheUse.objects.get_or_create(name=self._name, day=timezone.now().date())
            added = {name: F(name) + number for name, number in counts.items()}
            CacheUse.objects.filter(pk=row.pk).update(**added)
        except DatabaseError as error:  # a read must not fail for its figures
            logger.warning("The figures of the cache %s are not written: %s", self._name, error)


def last_week() -> dict[str, str]:
    """Return in words how each cache was used in the last seven days, by its name."""
    rows = CacheUse.objects.filter(day__gte=timezone.now().date() - timedelta(days=7))
    sums = (Sum("hits"), Sum("loads"), Sum("load_seconds"))
    words = {}
    for name, hits, loads, seconds in rows.values_list("name").annotate(*sums):
        if hits + loads:
            words[name] = f"{hits / (hits + loads):.1%} hits of {hits + loads} reads in 7 days"
        if loads:
            words[name] += f", {1000 * seconds / loads:.2f} ms a load"
    return words
