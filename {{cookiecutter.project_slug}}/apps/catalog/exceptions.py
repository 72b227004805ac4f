"""Errors that both reads and writes of this app raise."""

from trellis import errors


class SessionNotFound(errors.NotFound):
    """There is no such session."""
