"""Plain data about people, for other apps."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Contact:
    """How to reach a person."""

    user_id: int
    name: str
    email: str
