"""What a cached read keeps in Django's cache: entries, generations and locks."""

import io
import pickle
import secrets
from typing import Any, NamedTuple

from django.core.cache.backends.base import BaseCache
from django.db import models

from trellis.caching.keys import Keys

LOCK_SECONDS = 10  # other readers wait this long for the one that loads


class Entry(NamedTuple):
    """A value, stored under its key."""

    generation: int
    value: Any


class Lock(NamedTuple):
    """Held by the one reader that loads a key, for the generation it may store under."""

    key: str
    token: int
    generation: int


def valid_entry(stored: tuple[Any, ...] | None, generation: int) -> Entry | None:
    """Return the stored entry if it belongs to this generation."""
    entry = Entry(*stored) if stored else None
    return entry if entry and entry.generation == generation else None


def begin_generation(cache: BaseCache, keys: Keys, *, timeout: int) -> int | None:
    """Begin a generation and return it; None if the cache does not keep it.

    Generations are random, so an old one never becomes current again.
    """
    cache.add(keys.generation, secrets.randbits(62) + 1, timeout=timeout)
    # Read it back: of several readers that add one, the first wins.
    generation: int | None = cache.get(keys.generation)
    return generation


def take_lock(cache: BaseCache, key: str, generation: int) -> Lock | None:
    """Return the lock, or None if another reader holds it."""
    lock = Lock(key, secrets.randbits(62), generation)
    return lock if cache.add(key, lock.token, timeout=LOCK_SECONDS) else None


def release(cache: BaseCache, lock: Lock) -> None:
    """Give the lock back, unless it has ended and another reader holds it now."""
    if cache.get(lock.key) == lock.token:
        cache.delete(lock.key)


def refuse_rows(value: object) -> None:
    """Raise `TypeError` if a value contains model rows, or another error if pickle cannot store it.

    A cached row would outlive its migration and hide its queries.
    """
    PlainDataPickler(io.BytesIO()).dump(value)


class PlainDataPickler(pickle.Pickler):
    """Refuses model rows and querysets at any depth."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, models.Model | models.QuerySet):
            raise TypeError(f"it is or contains model rows ({type(value).__name__})")
        return NotImplemented
