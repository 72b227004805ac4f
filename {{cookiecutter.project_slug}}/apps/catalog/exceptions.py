"""Errors that both selectors and services raise."""

from trellis import errors


class SessionNotFound(errors.NotFound):
    """There is no such session."""
