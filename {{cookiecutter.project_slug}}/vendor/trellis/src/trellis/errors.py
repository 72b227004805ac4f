"""The errors that services raise when a business rule is broken.

A service declares its own error as a subclass, beside the function that raises it. The subclass
decides the HTTP status code (`trellis.web.status`). The API answers with problem details, a page
shows the message.
"""

import inspect


class BusinessError(Exception):
    """This is not possible."""

    title = "That is not possible"

    def __init__(self, detail: str = "", *, field: str = "") -> None:
        """`detail` is the message for the user; without it, the first line of the docstring.

        `field` names the input that has to change, as a dotted path: "title", "address.city".
        """
        self.detail = detail or _summary(type(self)) or self.title
        self.field = field
        super().__init__(self.detail)


class NotFound(BusinessError):
    """This does not exist."""

    title = "Not found"


class Conflict(BusinessError):
    """This is not possible in the current state."""

    title = "Not possible any more"


class Forbidden(BusinessError):
    """You are not allowed to do this."""

    title = "Not allowed"


class Invalid(BusinessError):
    """This input is not valid."""

    title = "Not valid"


def _summary(kind: type) -> str:
    """Return the first line of a class's docstring; of its base class where it has none."""
    lines = (inspect.getdoc(kind) or "").splitlines()
    return lines[0] if lines else ""
