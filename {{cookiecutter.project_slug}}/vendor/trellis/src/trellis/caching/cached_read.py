"""`cached_read`: a function whose results are cached.

Each key has a random *generation* in the cache beside its value. A value is stored with the
generation that was current before its load began, and is only served while that generation is
current. Invalidating deletes the generation after the commit; the next reader begins a new one. So
a reader that loaded before a commit and stores after it stores a value that is never served.
"""

import functools
import logging
import pickle
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec, TypeVar

from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.db import transaction
from django.utils.module_loading import autodiscover_modules

from trellis import ownership
from trellis.caching import entries, outage
from trellis.caching.entries import Entry, Lock
from trellis.caching.figures import Counter
from trellis.caching.keys import KeyMaker, Keys

logger = logging.getLogger(__name__)
Parameters = ParamSpec("Parameters")
Value = TypeVar("Value")

declared: dict[str, "CachedRead[Any, Any]"] = {}


def cached_read(
    *,
    name: str,
    version: int,
    ttl: int,
    bottleneck: str,
    invalidated_by: tuple[str, ...],
    negative_ttl: int | None = None,
) -> Callable[[Callable[Parameters, Value]], "CachedRead[Parameters, Value]"]:
    """Declare a cache for a function with keyword-only arguments that returns plain data.

    name: "<app>.<function>". Arguments become part of the key, all of them.
    version: increase it when the shape of the value changes.
    ttl: seconds a value is kept, and so the longest that a lost invalidation can matter.
    bottleneck: the measurement that justifies the cache.
    invalidated_by: the dotted names of the services that invalidate it.
    negative_ttl: seconds that a result of None is kept; `ttl` by default.

    Raises `TypeError` if the declaration is not valid.
    """

    def declare(load: Callable[Parameters, Value]) -> CachedRead[Parameters, Value]:
        return CachedRead(
            load=load,
            name=name,
            version=version,
            ttl=ttl,
            bottleneck=bottleneck,
            invalidated_by=invalidated_by,
            negative_ttl=ttl if negative_ttl is None else negative_ttl,
        )

    return declare


def all_caches() -> dict[str, "CachedRead[Any, Any]"]:
    """Return the declared caches of all apps, by name."""
    autodiscover_modules("caches")
    return declared


@dataclass(kw_only=True, eq=False)
class CachedRead(Generic[Parameters, Value]):
    """A function whose results are cached. Made by `cached_read`."""

    load: Callable[Parameters, Value]
    name: str
    version: int
    ttl: int
    bottleneck: str
    invalidated_by: tuple[str, ...]
    negative_ttl: int

    def __post_init__(self) -> None:
        if self.name in declared:
            raise TypeError(f"There are two caches named {self.name!r}. Rename one.")
        if not self.bottleneck.strip():
            raise TypeError(f"The cache {self.name!r} has no bottleneck. Write what you measured.")
        if self.ttl < 1 or self.negative_ttl < 1:
            raise TypeError(f"The cache {self.name!r} needs a ttl of at least 1 second.")
        self.keys = KeyMaker(name=self.name, version=self.version, load=self.load)
        self.counter = Counter(name=self.name)
        declared[self.name] = self
        functools.update_wrapper(self, self.load)

    def __call__(self, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Value:
        """Return the value from the cache, or load it.

        Inside a transaction it always loads, and stores nothing: the transaction may read its own
        writes, which nobody else may see yet, or ever.
        """
        keys = self.keys.make(kwargs)
        if transaction.get_connection().in_atomic_block or outage.state.is_on():
            return self._load(kwargs)
        found = self._find_safely(keys)
        if isinstance(found, Entry):
            self.counter.count(hits=1)
            return found.value  # type: ignore[no-any-return]
        return self._load_and_store(keys, found, kwargs) if found else self._load(kwargs)

    def invalidate(self, *args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        """Invalidate the value when the current transaction commits; not if it rolls back.

        Outside of a transaction, as in `manage.py shell`: at once.
        """
        keys = self.keys.make(kwargs)
        transaction.on_commit(lambda: self._invalidate(keys, kwargs), robust=True)

    @property
    def owner(self) -> str:
        """The team that owns the cache's app."""
        return ownership.team_of_module(module=self.load.__module__)

    def _find_safely(self, keys: Keys) -> Entry | Lock | None:
        """Return what `_find` returns; None if the cache fails."""
        cache = caches["default"]
        with outage.state.tolerated():
            try:
                return self._find(cache, keys)
            except outage.UNREACHABLE:
                raise
            except Exception as error:
                # The class of the value is gone, or another version of this module stored it.
                logger.warning("The cache %s has an unreadable value: %r", self.name, error)
                cache.delete(keys.value)
        return None

    def _find(self, cache: BaseCache, keys: Keys) -> Entry | Lock | None:
        """Return a valid entry, or the lock if this reader has to load for all others.

        None: load without storing, because the cache stores nothing or a lock lasts too long.
        """
        deadline = time.monotonic() + entries.LOCK_SECONDS
        lock_key = ""
        while time.monotonic() < deadline:
            found = cache.get_many((*keys, lock_key) if lock_key else keys)
            generation = found.get(keys.generation) or entries.begin_generation(
                cache, keys, timeout=2 * self.ttl
            )
            if generation is None:
                return None
            if entry := entries.valid_entry(found.get(keys.value), generation):
                return entry
            lock_key = f"{keys.value}:lock:{generation}"
            # A lock that was just read is not tried: with the cache in SQLite, a try is a write.
            if lock_key not in found and (lock := entries.take_lock(cache, lock_key, generation)):
                if not entries.valid_entry(cache.get(keys.value), generation):
                    return lock
                entries.release(cache, lock)  # another reader has just loaded it: look again
            else:
                time.sleep(random.uniform(0.01, 0.03))
        return None

    def _load_and_store(self, keys: Keys, lock: Lock, kwargs: dict[str, Any]) -> Value:
        cache = caches["default"]
        try:
            started = time.monotonic()
            value = self._load(kwargs)
            self.counter.count(loads=1, load_seconds=time.monotonic() - started)
            ttl = self.negative_ttl if value is None else self.ttl
            with outage.state.tolerated():
                # The generation must outlive the value. `touch` does not revive a deleted one.
                cache.touch(keys.generation, timeout=2 * self.ttl)
                cache.set(keys.value, tuple(Entry(lock.generation, value)), timeout=ttl)
            return value
        finally:
            with outage.state.tolerated():
                entries.release(cache, lock)

    def _load(self, kwargs: dict[str, Any]) -> Value:
        """Return what the function returns. Raises `TypeError` if that cannot be cached.

        Also where nothing is stored, so that a test in a transaction finds the error.
        """
        value = self.load(**kwargs)  # type: ignore[call-arg]
        try:
            entries.refuse_rows(value)
        except (TypeError, AttributeError, pickle.PicklingError) as error:
            raise TypeError(
                f"The cache {self.name!r} cannot store this: {error}. Return plain dataclasses."
            ) from error
        return value

    def _invalidate(self, keys: Keys, kwargs: dict[str, Any]) -> None:
        for _ in range(1 if outage.state.is_on() else 2):
            with outage.state.tolerated():
                caches["default"].delete_many(keys)
                return
        # Readers may see the old value until its ttl ends. The write itself is committed.
        logger.error("The cache %s could not be invalidated for %s.", self.name, kwargs)
