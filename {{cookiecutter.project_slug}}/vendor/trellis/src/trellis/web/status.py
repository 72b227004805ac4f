"""From an error of a service to an HTTP status code."""

from http import HTTPStatus

from django.core.exceptions import ValidationError

from trellis import errors

STATUS_OF: dict[type[errors.BusinessError], HTTPStatus] = {
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
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
