"""Who runs a query or a call: the frames of the running code, from the innermost outwards.

The nearest frame of an app decides, unless Django's own machinery (sessions, users, messages, the
admin) stands between: `request.user` is read from the database by Django, not by the view.
"""

import functools
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import django
from django.conf import settings as django_settings
from django.db.models import FETCH_RAISE, QuerySet

import trellis
from trellis.checks import settings
from trellis.checks.layers import NOT_READ

DJANGO = f"{Path(django.__file__).parent}/"
TRELLIS = f"{Path(trellis.__file__).parent}/"

# What a source file is to the guards.
PASSED = "passed"  # it does not decide: the frame that called it does
FREE = "free"  # whatever it does is its own business
READS_FREELY = "reads freely"  # its reads are free; for its writes the frame that called it decides
DOOR, ADMIN, SERVICE, SELECTOR = "door", "admin", "service", "selector"

_OF_DJANGO = {  # by the longest prefix
    "": PASSED,
    "contrib/": FREE,
    # `user.save()` and `form.save()` are called by the project; Django's own views come before.
    "contrib/auth/base_user.py": READS_FREELY,
    "contrib/auth/forms.py": READS_FREELY,
    "contrib/auth/models.py": READS_FREELY,
    "core/cache/": FREE,
    "core/handlers/": FREE,  # a middleware further out did not ask for what a view does
    "db/migrations/": FREE,
    "forms/": READS_FREELY,  # validation, and the choices of a form
    "views/generic/": READS_FREELY,
}
_OF_TRELLIS = {"": FREE, "checks/": PASSED, "tasks/base.py": PASSED}
_OF_LAYERS = {
    "tasks": DOOR,
    "services": SERVICE,
    "selectors": SELECTOR,
    "caches": SELECTOR,
    # Django hands querysets to the admin, and asks the others for rows.
    "admin": ADMIN,
    "backends": ADMIN,
    "checks": ADMIN,
    "signals": ADMIN,
    "apps": FREE,
    "conftest": FREE,
}
_OF_GROUPS = {"doors": DOOR, "forms": DOOR, "urls": DOOR}


class Source(NamedTuple):
    """What a file is to the guards, and for a file of an app: its app and its path."""

    role: str
    app: str = ""
    path: str = ""


class Caller(NamedTuple):
    """The line of an app that a query or a call is for."""

    role: str
    app: str
    path: str
    line: int
    frame: FrameType


def caller_of(frame: FrameType | None, *, writes: bool) -> Caller | None:
    """Return the nearest frame that decides; None if it is free, or if no app is involved."""
    root = str(django_settings.BASE_DIR)
    while frame is not None:
        role, app, path = source_of(frame.f_code.co_filename, root)
        if role is FREE or (role is READS_FREELY and not writes):
            return None
        if role is not PASSED and role is not READS_FREELY:
            return Caller(role, app, path, frame.f_lineno, frame)
        frame = frame.f_back
    return None


def frames_between(frame: FrameType | None, caller: Caller) -> Iterator[FrameType]:
    """Yield the frames from a query out to its caller."""
    while frame is not None and frame is not caller.frame:
        yield frame
        frame = frame.f_back


@functools.cache
def source_of(filename: str, root: str) -> Source:
    """Return what a source file is. Called for each frame of each query."""
    if filename.startswith(DJANGO):
        return Source(_by_prefix(_OF_DJANGO, filename.removeprefix(DJANGO)))
    if filename.startswith(TRELLIS):
        return Source(_by_prefix(_OF_TRELLIS, filename.removeprefix(TRELLIS)))
    if "/site-packages/" in filename or not filename.startswith(f"{root}/"):
        return Source(PASSED)
    path = filename.removeprefix(f"{root}/")
    package, app, *inside = [*path.removesuffix(".py").split("/"), "", ""]
    if package != "apps" or set(NOT_READ) & set(inside):
        return Source(FREE)  # tests, migrations, config/, conftest.py
    group = settings.read(root).group_of(inside[0])
    role = _OF_LAYERS.get(inside[0]) or _OF_GROUPS.get(group, PASSED)
    return Source(role, app, path)


def _by_prefix(table: dict[str, str], path: str) -> str:
    return table[max((prefix for prefix in table if path.startswith(prefix)), key=len)]


def is_promised(frame: FrameType | None, caller: Caller) -> bool:
    """Whether a query evaluates a queryset that a selector has promised.

    The relations of a promised row are not: a selector would have loaded them.
    """
    for one in frames_between(frame, caller):
        value = one.f_locals.get("self")
        # Not isinstance(): a lazy object would query the database to find its class.
        if issubclass(type(value), QuerySet):
            queryset: Any = value  # what the stubs do not know
            if queryset._fetch_mode is FETCH_RAISE and "instance" not in queryset._hints:
                return True
    return False
