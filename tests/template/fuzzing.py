"""Hooks of schemathesis: a valid request is about a session that exists."""

import os
from typing import Any
from uuid import UUID

import schemathesis


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """Replace a valid id of a session, which schemathesis can only invent."""
    try:
        UUID(body["session"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return body
    return body | {"session": os.environ["SESSION"]}
