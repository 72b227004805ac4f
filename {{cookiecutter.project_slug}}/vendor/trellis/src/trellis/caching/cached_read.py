"""A cached read: what it takes, where it looks, and how it forgets (docs/adr/0005)."""

import functools
import io
import logging
import math
import pickle
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, ParamSpec, TypeVar

from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.db import models, transaction
from django.utils.module_loading import autodiscover_modules

from trellis import ownership
from trellis.caching import outage
from trellis.caching.figures import Counter
from trellis.caching.keys import KeyMaker, Keys

logger = logging.getLogger(__name__)
Parameters = ParamSpec("Parameters")
Value = TypeVar("Value")

LOCK_SECONDS = 10  # the longest one loader may keep others waiting

declared: dict[str, "CachedRead[Any, Any]"] = {}


class Entry(NamedTuple):
    """What is stored: the value, and what decides whether it may still be served."""

    generation: int
    value: Any
    load_seconds: float
    fresh_until: float  # seconds since the epoch


class Claim(NamedTuple):
    """The right of one reader to load for all, and what it may store under."""

    generation: int
    lock: str
    token: int


@dataclass(kw_only=True, eq=False)
class CachedRead(Generic[Parameters, Value]):
    """A read whose results are remembered. Made by `cached_read`."""

    load: Callable[Parameters, Value]
    name: str
    version: int
    ttl: int
    bottleneck: str
    invalidated_by: tuple[str, ...]
    negative_ttl: int | None = None

    def __post_init__(self) -> None:
        if self.name in declared:
            raise TypeError(f"The cache {self.name!r} is declared twice. Give one another name.")
        if not self.bottleneck.strip():
            raise TypeError(f"The cache {self.name!r} has no bottleneck. Say what you measured.")
        if self.ttl < 1 or (self.negative_ttl is not None and self.negative_ttl < 1):
            raise TypeError(f"The cache {self.name!r} keeps nothing: a ttl is 1 second or more.")
        self.keys = KeyMaker(name=self.name, version=self.version, load=self.load)
        self.use = Counter(name=self.name)
        declared[self.name] = self
        functools.update_wrapper(self, self.load)

    def __call__(self, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Value:
        """Return the value, from the cache where that is sound and from the database else."""
        keys = self.keys.make(kwargs)
        # What this transaction wrote may be rolled back: neither trust the cache nor fill it.
        if transaction.get_connection().in_atomic_block or outage.state.is_on():
            return self._load(kwargs)
        found = self._find(keys)
        if isinstance(found, Entry):
            return found.value  # type: ignore[no-any-return]
        return self._fill(keys, found, kwargs) if found else self._load(kwargs)

    def invalidate(self, *args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        """Forget the value when, and only if, the current transaction commits."""
        keys = self.keys.make(kwargs)
        transaction.on_commit(lambda: self._end_generation(keys, kwargs), robust=True)

    def forget_now(self, *args: Parameters.args, **kwargs: Parameters.kwargs) -> bool:
        """Forget the value whatever transaction is open; say whether the cache was reached.

        For operators. A service calls `invalidate`: forgetting before the commit is too early.
        """
        return self._end_generation(self.keys.make(kwargs), kwargs)

    @property
    def owner(self) -> str:
        """The team that answers for this cache, from its app's OWNERS.toml."""
        return ownership.team_of_module(module=self.load.__module__)

    # Reading ------------------------------------------------------------------------------

    def _find(self, keys: Keys) -> Entry | Claim | None:
        """Return what is remembered, or the right to load it for all; None: load for yourself."""
        cache = caches["default"]
        with outage.state.noted():
            try:
                return self._look(cache, keys)
            except outage.AWAY:
                raise
            except Exception as error:
                # A value's class has gone, or another version of this code stored it.
                logger.warning("The cache %s held what cannot be read: %r", self.name, error)
                cache.delete(keys.value)
        return None

    def _look(self, cache: BaseCache, keys: Keys) -> Entry | Claim | None:
        began = time.monotonic()
        lock, stale_seen = "", False
        while time.monotonic() - began < LOCK_SECONDS:
            found = cache.get_many((*keys, lock) if lock else keys)
            generation = found.get(keys.generation) or self._begin_generation(cache, keys)
            if generation is None:
                return None  # the cache keeps nothing right now
            stored = entry = Entry(*found[keys.value]) if keys.value in found else None
            if entry and entry.generation != generation:
                entry = None
                if not stale_seen:  # the value that a reader before us stored too late
                    stale_seen = True
                    self.use.avoided_stale()
            if entry and not self._is_due(entry):
                return self._hit(entry, began)
            lock = f"{keys.value}:lock:{generation}"
            if lock not in found and (claim := self._claim(cache, generation, lock)):
                again = cache.get_many(keys)
                unchanged = again.get(keys.generation) == generation
                if unchanged and _same(stored, again.get(keys.value)):
                    return claim
                self._release(cache, claim)  # somebody was quicker: look once more
                continue
            if entry:
                return self._hit(entry, began)  # one other refreshes it for all
            time.sleep(random.uniform(0.01, 0.03))
        return None

    def _is_due(self, entry: Entry) -> bool:
        """Whether to refresh: at the end, or for one of many readers a little before it.

        The slower the load, the earlier, so that the end never finds them all waiting.
        """
        early = -entry.load_seconds * math.log(1.0 - random.random())
        return time.time() + early >= entry.fresh_until

    def _hit(self, entry: Entry, began: float) -> Entry:
        self.use.hit(saved_seconds=entry.load_seconds - (time.monotonic() - began))
        return entry

    def _fill(self, keys: Keys, claim: Claim, kwargs: dict[str, Any]) -> Value:
        cache = caches["default"]
        try:
            began = time.monotonic()
            value = self._load(kwargs)
            seconds = time.monotonic() - began
            self.use.loaded(seconds=seconds)
            ttl = self.negative_ttl if value is None and self.negative_ttl else self.ttl
            entry = Entry(claim.generation, value, seconds, time.time() + ttl)
            with outage.state.noted():
                # A generation outlives what is stored under it. `touch` cannot bring one back.
                cache.touch(keys.generation, timeout=2 * self.ttl)
                cache.set(keys.value, tuple(entry), timeout=ttl)
            return value
        finally:
            with outage.state.noted():
                self._release(cache, claim)

    def _load(self, kwargs: dict[str, Any]) -> Value:
        value = self.load(**kwargs)  # type: ignore[call-arg]
        try:
            PlainData(io.BytesIO()).dump(value)
        except (TypeError, AttributeError, pickle.PicklingError) as error:
            raise TypeError(
                f"The cache {self.name!r} cannot hold this: {error}. Return plain dataclasses."
            ) from error
        return value

    # Generations and locks ------------------------------------------------------------------

    def _begin_generation(self, cache: BaseCache, keys: Keys) -> int | None:
        # `add` lets one of several win; reading back tells us whose it is.
        cache.add(keys.generation, secrets.randbits(62) + 1, timeout=2 * self.ttl)
        generation: int | None = cache.get(keys.generation)
        return generation

    def _end_generation(self, keys: Keys, kwargs: dict[str, Any]) -> bool:
        # Deleting is enough: the next reader begins another one, and random ones never meet.
        for _ in range(1 if outage.state.is_on() else 2):
            with outage.state.noted():
                caches["default"].delete_many(keys)
                return True
        # Readers may see the old value until its ttl ends; the write itself stands.
        logger.error("The cache %s could not be told to forget %s.", self.name, kwargs)
        return False

    def _claim(self, cache: BaseCache, generation: int, lock: str) -> Claim | None:
        token = secrets.randbits(62)
        taken = cache.add(lock, token, timeout=LOCK_SECONDS)
        return Claim(generation, lock, token) if taken else None

    def _release(self, cache: BaseCache, claim: Claim) -> None:
        if cache.get(claim.lock) == claim.token:  # ours may have expired and be another's by now
            cache.delete(claim.lock)


def every_cache() -> dict[str, CachedRead[Any, Any]]:
    """Return each declared cache by its name, whether it has been read yet or not."""
    autodiscover_modules("caches")
    return declared


def _same(seen: Entry | None, stored: tuple[Any, ...] | None) -> bool:
    now = Entry(*stored) if stored else None
    return (seen and seen.fresh_until) == (now and now.fresh_until)


class PlainData(pickle.Pickler):
    """Refuses model rows: a pickled row outlives its migration and hides its queries."""

    def reducer_override(self, thing: Any) -> Any:
        if isinstance(thing, models.Model | models.QuerySet):
            raise TypeError(f"it is or contains model rows ({type(thing).__name__})")
        return NotImplemented


def cached_read(
    *,
    name: str,
    version: int,
    ttl: int,
    bottleneck: str,
    invalidated_by: tuple[str, ...],
    negative_ttl: int | None = None,
) -> Callable[[Callable[Parameters, Value]], CachedRead[Parameters, Value]]:
    """Declare a cache over a function that takes keyword arguments and returns plain data.

    `name` is "<app>.<function>". The key is made of all that the function's parameters are given.
    `version` goes up when the shape of the value changes. `ttl` (seconds) is the longest a lost
    invalidation can hurt, `negative_ttl` the same for a None. `bottleneck` is the measurement
    that justifies the cache, `invalidated_by` the dotted names of the services that forget it.
    Raises `TypeError` at import where the declaration contradicts itself.
    """

    def declare(load: Callable[Parameters, Value]) -> CachedRead[Parameters, Value]:
        return CachedRead(
            load=load,
            name=name,
            version=version,
            ttl=ttl,
            bottleneck=bottleneck,
            invalidated_by=invalidated_by,
            negative_ttl=negative_ttl,
        )

    return declare
