"""Which status code says what a refused service says."""

from http import HTTPStatus

from trellis import errors

STATUS_OF: dict[type[errors.BusinessError], HTTPStatus] = {
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.BusinessError: HTTPStatus.BAD_REQUEST,
}


def status_of(error: errors.BusinessError) -> HTTPStatus:
    """Return the status code that says what `error` says."""
    return next(status for kind, status in STATUS_OF.items() if isinstance(error, kind))
