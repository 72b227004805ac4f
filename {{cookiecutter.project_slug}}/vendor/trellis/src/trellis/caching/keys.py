"""The keys of a cache, made of all arguments of its function.

An argument that were not part of the key would let one caller get another caller's value.
"""

import hashlib
import inspect
from collections.abc import Callable
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

# The types an argument may have. Equal values of these have equal keys, so what is read under a key
# is invalidated under it, too.
TYPES = (bool, date, int, str, UUID)


class Keys(NamedTuple):
    """The two keys in Django's cache for one set of arguments."""

    generation: str
    value: str


class KeyMaker:
    """Makes the keys of one cache. Raises `TypeError` if the function's parameters do not fit."""

    def __init__(self, *, name: str, version: int, load: Callable[..., Any]) -> None:
        self.name = name
        self.types = self._types_of(load)
        self._prefix = f"{name}:v{version}"

    def make(self, arguments: dict[str, Any]) -> Keys:
        """Return the keys for these arguments. Raises `TypeError` if one is missing or wrong."""
        if arguments.keys() != self.types.keys():
            takes, given = (", ".join(names) or "nothing" for names in (self.types, arguments))
            raise TypeError(f"The cache {self.name!r} takes {takes} by keyword, not {given}.")
        parts = []
        for name, expected in self.types.items():
            value = arguments[name]
            if type(value) is not expected:
                # 1 and "1" have two keys: reading with one and invalidating with the other fails.
                raise TypeError(
                    f"The cache {self.name!r} takes {name} as {expected.__name__},"
                    f" not as {type(value).__name__}."
                )
            parts.append(repr(value))
        # A digest, so that keys are short and have no characters that a server refuses.
        digest = hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()
        return Keys(f"{self._prefix}:{digest}:generation", f"{self._prefix}:{digest}:value")

    def _types_of(self, load: Callable[..., Any]) -> dict[str, type]:
        types = {}
        for name, parameter in inspect.signature(load, eval_str=True).parameters.items():
            if parameter.kind is not parameter.KEYWORD_ONLY or parameter.default != parameter.empty:
                raise TypeError(
                    f"The cache {self.name!r} has the parameter {name!r}, which a caller may leave"
                    " out or pass by position. Make it keyword-only, without a default."
                )
            if parameter.annotation not in TYPES:
                known = ", ".join(kind.__name__ for kind in TYPES)
                raise TypeError(
                    f"The cache {self.name!r} has the parameter {name!r}, whose type cannot be part"
                    f" of a key. Annotate it as one of: {known}."
                )
            types[name] = parameter.annotation
        return types
