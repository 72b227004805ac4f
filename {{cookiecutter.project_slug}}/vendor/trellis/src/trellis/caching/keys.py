"""What a cache's keys are made of: every parameter of its load, each of a plain type.

A parameter that the key did without would serve one caller's value to another.
"""

import hashlib
import inspect
from collections.abc import Callable
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

# The types a key is made of, and how an operator's word becomes one. No others: these mean the
# same whenever they look the same, and what has two keys would be forgotten under one of them.
TYPES: dict[type, Callable[[str], Any]] = {
    bool: lambda word: {"true": True, "false": False}[word.lower()],
    date: date.fromisoformat,
    int: int,
    str: str,
    UUID: UUID,
}


class Keys(NamedTuple):
    """Where the cache keeps a value, and the generation it must be of."""

    generation: str
    value: str


class KeyMaker:
    """Makes the keys of one cache. Raises `TypeError` where its declaration allows none."""

    def __init__(self, *, name: str, version: int, load: Callable[..., Any]) -> None:
        self.name = name
        self.types = self._types_of(load)
        self._stem = f"{name}:v{version}"

    def make(self, arguments: dict[str, Any]) -> Keys:
        """Return the keys for a call's arguments. Raises `TypeError` where one does not fit."""
        if arguments.keys() != self.types.keys():
            takes, given = (", ".join(names) or "nothing" for names in (self.types, arguments))
            raise TypeError(f"The cache {self.name!r} takes {takes} by keyword, not {given}.")
        parts = []
        for name, kind in self.types.items():
            value = arguments[name]
            if type(value) is not kind:
                # 1 and "1" are two keys: what is read by one would not be forgotten by the other.
                raise TypeError(
                    f"The cache {self.name!r} takes {name} as {kind.__name__},"
                    f" not as {type(value).__name__}."
                )
            parts.append(repr(value))
        # The digest keeps keys short, whatever is in them.
        digest = hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()
        return Keys(f"{self._stem}:{digest}:generation", f"{self._stem}:{digest}:value")

    def _types_of(self, load: Callable[..., Any]) -> dict[str, type]:
        types = {}
        for name, parameter in inspect.signature(load, eval_str=True).parameters.items():
            if parameter.kind is not parameter.KEYWORD_ONLY or parameter.default != parameter.empty:
                raise TypeError(
                    f"The cache {self.name!r} has the parameter {name!r}, which a caller may leave"
                    " out or give by position: reading and forgetting would speak of different"
                    " things. Make it keyword-only, without a default."
                )
            if parameter.annotation not in TYPES:
                known = ", ".join(kind.__name__ for kind in TYPES)
                raise TypeError(
                    f"The cache {self.name!r} has the parameter {name!r}, of which no key can be"
                    f" made. Annotate it as one of: {known}."
                )
            types[name] = parameter.annotation
        return types
