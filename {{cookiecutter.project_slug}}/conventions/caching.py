"""Caches that can be reasoned about: each is declared once, with the reason it exists.

    @cached_read(
        name="catalog.session_page",
        key="{public_id}",
        version=1,
        ttl=300,
        bottleneck="four joins a page view; 6.1 ms against 0.4 ms from the cache",
        invalidated_by=("apps.catalog.services.reschedule_session",),
    )
    def session_page(*, public_id: UUID) -> SessionPage | None: ...

Reading is calling it; forgetting is `session_page.invalidate(public_id=...)` in the service that
changed what it shows. What keeps it right: a stored value names the *generation* it was loaded
under, and invalidating begins a new one. A reader that loaded before a commit stores under the
old generation, and nobody reads that again (docs/adr/0005).
"""

import functools
import hashlib
import inspect
import logging
import math
import pickle
import random
import secrets
import string
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, ParamSpec, TypeVar

from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.db import DatabaseError, models, transaction
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)
Parameters = ParamSpec("Parameters")
Value = TypeVar("Value")

# What a cache raises when it is away, and what a value does whose class is gone or renamed.
CACHE_TROUBLE = (OSError, DatabaseError, RedisError, pickle.UnpicklingError, AttributeError)
LOCK_SECONDS = 10  # the longest one loader may keep others waiting
OUTAGE_WINDOW = 60.0  # seconds between two log lines about a cache that is down

declared: dict[str, "CachedRead[Any, Any]"] = {}


class Entry(NamedTuple):
    """What is stored: the value, and what decides whether it may still be served."""

    generation: str
    value: Any
    load_seconds: float
    fresh_until: float  # seconds since the epoch


class Keys(NamedTuple):
    generation: str
    value: str


@dataclass(kw_only=True, eq=False)
class CachedRead(Generic[Parameters, Value]):
    """A read whose results are remembered. Made by `cached_read`."""

    load: Callable[Parameters, Value]
    name: str
    key: str
    version: int
    ttl: int
    bottleneck: str
    invalidated_by: tuple[str, ...]
    negative_ttl: int | None = None
    _outage_logged: float = field(default=-math.inf, init=False)

    def __post_init__(self) -> None:
        if self.name in declared:
            raise TypeError(f"The cache {self.name!r} is declared twice. Give one another name.")
        if not self.bottleneck.strip():
            raise TypeError(f"The cache {self.name!r} has no bottleneck. Say what you measured.")
        signature = inspect.signature(self.load).parameters
        for parameter in signature.values():
            if parameter.kind is not parameter.KEYWORD_ONLY or parameter.default != parameter.empty:
                raise TypeError(
                    f"The cache {self.name!r} has the parameter {parameter.name!r}, which a caller"
                    " may leave out or give by position: reading and forgetting would speak of"
                    " different things. Make it keyword-only, without a default."
                )
        parameters = set(signature)
        named = {part for _, part, _, _ in string.Formatter().parse(self.key) if part}
        if parameters != named:
            # A parameter left out would serve one caller's value to another.
            wanted = ":".join(f"{{{name}}}" for name in sorted(parameters))
            raise TypeError(
                f"The cache {self.name!r} has the key {self.key!r}, but its function takes"
                f" {sorted(parameters)}. Write key={wanted!r}."
            )
        declared[self.name] = self
        functools.update_wrapper(self, self.load)

    def __call__(self, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Value:
        """Return the value, from the cache where that is sound and from the database else."""
        if transaction.get_connection().in_atomic_block:
            # What this transaction wrote may be rolled back: neither trust the cache nor fill it.
            return self.load(*args, **kwargs)
        try:
            return self._read(kwargs)
        except _LoadFailed as failed:
            raise failed.error from None
        except CACHE_TROUBLE as error:
            self._note_outage(error)
            return self.load(*args, **kwargs)

    def invalidate(self, *args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        """Forget the value when, and only if, the current transaction commits."""
        generation_key = self._keys(kwargs).generation

        def begin_a_generation() -> None:
            # Twice, and looked at: a cache in the database keeps its own failures to itself.
            for _ in range(2):
                generation = secrets.token_hex(8)
                try:
                    self._cache.set(generation_key, generation, timeout=None)
                    if self._cache.get(generation_key) == generation:
                        return
                except CACHE_TROUBLE as error:
                    self._note_outage(error)
            # Readers may see the old value until its ttl ends; the write itself stands.
            logger.error("The cache %s could not be told to forget %s.", self.name, kwargs)

        transaction.on_commit(begin_a_generation, robust=True)

    # Reading ------------------------------------------------------------------------------

    def _read(self, kwargs: dict[str, Any]) -> Value:
        keys = self._keys(kwargs)
        give_up = time.monotonic() + LOCK_SECONDS
        while True:
            generation, entry = self._look(keys)
            if entry and entry.generation == generation:
                due = time.time() - entry.load_seconds * math.log(1.0 - random.random())
                if due < entry.fresh_until:
                    return entry.value  # type: ignore[no-any-return]
                # One of many readers refreshes a little early (the slower the load, the earlier),
                # so that the moment of expiry never finds them all waiting.
                if not (token := self._lock(keys, generation)):
                    return entry.value  # type: ignore[no-any-return]
                return self._fill(keys, generation, token, kwargs, seen=entry)
            if token := self._lock(keys, generation):
                return self._fill(keys, generation, token, kwargs, seen=entry)
            if time.monotonic() > give_up:
                return self._load(kwargs)[0]
            time.sleep(random.uniform(0.01, 0.03))

    def _look(self, keys: Keys) -> tuple[str, Entry | None]:
        found = self._cache.get_many(keys)
        generation = found.get(keys.generation)
        if generation is None:
            # `add` lets one of several win; reading back tells us whose it is.
            self._cache.add(keys.generation, secrets.token_hex(8), timeout=None)
            generation = self._cache.get(keys.generation) or ""
        stored = found.get(keys.value)
        return generation, Entry(*stored) if stored else None

    def _fill(
        self,
        keys: Keys,
        generation: str,
        token: str,
        kwargs: dict[str, Any],
        *,
        seen: Entry | None,
    ) -> Value:
        try:
            _, entry = self._look(keys)
            if entry and entry != seen and entry.generation == generation:
                return entry.value  # type: ignore[no-any-return]  # filled while we took the lock
            value, seconds = self._load(kwargs)
            self._refuse_models(value)
            absent = value is None and self.negative_ttl is not None
            ttl = self.negative_ttl if absent and self.negative_ttl is not None else self.ttl
            stored = tuple(Entry(generation, value, seconds, time.time() + ttl))
            self._cache.set(keys.value, stored, timeout=ttl)
            return value
        finally:
            self._unlock(keys, generation, token)

    def _load(self, kwargs: dict[str, Any]) -> tuple[Value, float]:
        started = time.monotonic()
        try:
            value = self.load(**kwargs)  # type: ignore[call-arg]
        except Exception as error:
            raise _LoadFailed(error) from error  # not to be taken for the cache's own trouble
        return value, time.monotonic() - started

    # Locking: one load for many readers of a cold key ----------------------------------------

    def _lock(self, keys: Keys, generation: str) -> str | None:
        token = secrets.token_hex(8)
        taken = self._cache.add(f"{keys.value}:lock:{generation}", token, timeout=LOCK_SECONDS)
        return token if taken else None

    def _unlock(self, keys: Keys, generation: str, token: str) -> None:
        lock = f"{keys.value}:lock:{generation}"
        if self._cache.get(lock) == token:  # ours may have expired and be another's by now
            self._cache.delete(lock)

    # Small things ---------------------------------------------------------------------------

    @property
    def _cache(self) -> BaseCache:
        return caches["default"]

    def _keys(self, kwargs: dict[str, Any]) -> Keys:
        # `repr` keeps 1 and "1", or a None and a "None", apart; the digest keeps keys short.
        fields = ":".join(f"{name}={kwargs[name]!r}" for name in sorted(kwargs))
        digest = hashlib.blake2b(fields.encode(), digest_size=16).hexdigest()
        stem = f"{self.name}:v{self.version}:{digest}"
        return Keys(generation=f"{stem}:generation", value=f"{stem}:value")

    def _refuse_models(self, value: Any) -> None:
        values = list(value.values()) if isinstance(value, dict) else value
        sample = values[0] if isinstance(values, list | tuple) and values else values
        if isinstance(sample, models.Model | models.QuerySet):
            # A pickled row outlives its migration and hides its queries.
            raise TypeError(f"The cache {self.name!r} holds model rows. Return plain dataclasses.")

    def _note_outage(self, error: Exception) -> None:
        if time.monotonic() - self._outage_logged > OUTAGE_WINDOW:
            self._outage_logged = time.monotonic()
            logger.warning("The cache %s is out of reach, reading past it: %s", self.name, error)


class _LoadFailed(Exception):
    """The load itself failed; carries why."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def cached_read(
    *,
    name: str,
    key: str,
    version: int,
    ttl: int,
    bottleneck: str,
    invalidated_by: tuple[str, ...],
    negative_ttl: int | None = None,
) -> Callable[[Callable[Parameters, Value]], CachedRead[Parameters, Value]]:
    """Declare a cache over a function that takes keyword arguments and returns plain data.

    `name` is "<app>.<function>". `key` names exactly the function's parameters, checked here.
    `version` goes up when the shape of the value changes. `ttl` (seconds) is the longest a lost
    invalidation can hurt, `negative_ttl` the same for a None. `bottleneck` is the measurement
    that justifies the cache, `invalidated_by` the dotted names of the services that forget it.
    Raises `TypeError` at import where the declaration contradicts itself.
    """

    def declare(load: Callable[Parameters, Value]) -> CachedRead[Parameters, Value]:
        return CachedRead(
            load=load,
            name=name,
            key=key,
            version=version,
            ttl=ttl,
            bottleneck=bottleneck,
            invalidated_by=invalidated_by,
            negative_ttl=negative_ttl,
        )

    return declare
