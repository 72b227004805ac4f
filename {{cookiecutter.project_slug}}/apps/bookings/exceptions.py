"""Errors that a decorator names, so they stand where tasks can import them first."""

from trellis import errors


class ConfirmationInProgress(errors.Conflict):
    """Another worker is sending this confirmation, or died doing so a moment ago."""
