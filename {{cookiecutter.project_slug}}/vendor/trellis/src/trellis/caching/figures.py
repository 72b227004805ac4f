"""How the caches are used: counted in memory, written down once a minute.

Each process counts for itself and adds to the day's row of `CacheUse`, so that `manage.py caches`
shows what the web processes and the workers did. What a process has counted since it last wrote
(a minute, or longer while it is idle) is lost when it ends: figures to steer by, no bookkeeping.
"""

import logging
import threading
from dataclasses import asdict, dataclass
from datetime import date
from time import monotonic as clock

from django.db import Error as DatabaseTrouble
from django.db.models import F
from django.utils import timezone

from trellis.models import CacheUse

logger = logging.getLogger(__name__)
WRITE_EVERY = 60.0  # seconds


@dataclass
class Use:
    """What came of the reads of one cache."""

    hits: int = 0
    loads: int = 0
    stale_avoided: int = 0
    load_seconds: float = 0.0
    saved_seconds: float = 0.0

    @property
    def hit_rate(self) -> float | None:
        """The share of reads that were answered from the cache; None before the first."""
        reads = self.hits + self.loads
        return self.hits / reads if reads else None

    @property
    def load_ms(self) -> float | None:
        """What a load takes on average."""
        return 1000 * self.load_seconds / self.loads if self.loads else None

    @property
    def saved_ms(self) -> float | None:
        """What a hit saves on average: the load it spares, less the time it takes itself."""
        return 1000 * self.saved_seconds / self.hits if self.hits else None


class Counter:
    """Counts the use of one cache in this process."""

    def __init__(self, *, name: str) -> None:
        self.now = Use()
        self._name = name
        self._lock = threading.Lock()
        self._written_at = clock()

    def hit(self, *, saved_seconds: float) -> None:
        """Count a read that was answered from the cache, and the time that saved."""
        with self._lock:
            self.now.hits += 1
            self.now.saved_seconds += saved_seconds
        self._write_down_in_time()

    def loaded(self, *, seconds: float) -> None:
        """Count a read that had to load."""
        with self._lock:
            self.now.loads += 1
            self.now.load_seconds += seconds
        self._write_down_in_time()

    def avoided_stale(self) -> None:
        """Count a read that found a value of a generation that is over."""
        with self._lock:
            self.now.stale_avoided += 1

    def write_down(self) -> None:
        """Add what was counted to the day's row."""
        with self._lock:
            use, self.now = self.now, Use()
            self._written_at = clock()
        try:
            row, _ = CacheUse.objects.get_or_create(name=self._name, day=timezone.now().date())
            CacheUse.objects.filter(pk=row.pk).update(
                **{name: F(name) + counted for name, counted in asdict(use).items()}
            )
        except DatabaseTrouble as error:
            logger.warning("The figures of the cache %s were not written: %s", self._name, error)

    def _write_down_in_time(self) -> None:
        if clock() - self._written_at > WRITE_EVERY:
            self.write_down()


def used_since(day: date) -> dict[str, Use]:
    """Return the use of each cache by its name, from `day` on, over all processes."""
    used: dict[str, Use] = {}
    for row in CacheUse.objects.filter(day__gte=day):
        use = used.setdefault(row.name, Use())
        for name in asdict(use):
            setattr(use, name, getattr(use, name) + getattr(row, name))
    return used
