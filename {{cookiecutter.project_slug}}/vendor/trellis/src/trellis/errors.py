"""What a service may refuse, in the words of the business.

A service's own error subclasses one of these and lives beside the service. `trellis.web`
is the one place that turns them into status codes.
"""


class BusinessError(Exception):
    """A rule of the business says no. The message is for the person who asked."""

    title = "That is not possible"

    def __init__(self, detail: str = "") -> None:
        self.detail = detail or (self.__doc__ or "").strip().splitlines()[0]
        super().__init__(self.detail)


class NotFound(BusinessError):
    """There is no such thing."""

    title = "Not found"


class Conflict(BusinessError):
    """The state of things does not allow it (any more)."""

    title = "Not possible any more"


class Forbidden(BusinessError):
    """This person may not do this."""

    title = "Not allowed"


class Invalid(BusinessError):
    """What was given makes no sense here."""

    title = "Not valid"
