"""What other apps get to know of a person."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Contact:
    """How to reach a person."""

    user_id: int
    name: str
    email: str
