"""From an error of a service to an HTTP status code."""

import math
from http import HTTPStatus

from django.core.exceptions import ValidationError

from trellis import errors


class TooManyRequests(errors.BusinessError):
    """Somebody tried this too often, and may try again in `retry_after` seconds."""

    title = "Too many attempts"

    def __init__(self, *, retry_after: int) -> None:
        minutes = math.ceil(retry_after / 60)
        super().__init__(f"Please try again in {minutes} minute{'s' if minutes > 1 else ''}.")
        self.retry_after = retry_after


STATUS_OF: dict[type[errors.BusinessError], HTTPStatus] = {
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    errors.BusinessError: HTTPStatus.BAD_REQUEST,  # last, since it is the base of the others
}


def status_of(error: errors.BusinessError) -> HTTPStatus:
    """Return the status code for the kind of `error`."""
    return next(status for kind, status in STATUS_OF.items() if isinstance(error, kind))


def invalid(error: ValidationError) -> errors.Invalid:
    """Return Django's `ValidationError`, of `full_clean()` for instance, as a `BusinessError`.

    It names a field where the error is about one field.
    """
    by_field = error.message_dict if hasattr(error, "error_dict") else {}
    field = next(iter(by_field)) if len(by_field) == 1 else ""
    return errors.Invalid("; ".join(error.messages), field="" if field == "__all__" else field)
