"""Blocks of code that must not query the database: rendering a page, serializing an answer."""

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import FieldFetchBlocked
from django.db import connections
from django.forms import models as form_models
from django.template import Node

logger = structlog.get_logger(__name__)

FIX = (
    "Let the selector load it: select_related() or prefetch_related() for a relation, no only() or"
    " defer() for a column (AGENTS.md, rule 9). What a template tag shows is loaded by the"
    " view or a context processor."
)
NOT_OURS = {".venv", "vendor"}


def log_query(where: str, location: str, sql: str) -> None:
    """Log a query that should not run. A slow page is better than none."""
    logger.error("query_outside_selector", where=where, line=location, sql=sql[:200])


# In development and tests `trellis.checks.guards` replaces it by a function that raises.
on_query: Callable[[str, str, str], None] = log_query


@contextlib.contextmanager
def no_queries(where: str) -> Iterator[None]:
    """Report every query inside this block, except for those of a form's own choices.

    `where` names the block for the message ("rendering home.html"). In production the query is
    logged and runs; in development and tests it raises `RuleBroken`. A `FieldFetchBlocked` (see
    `promised`) gets a note that says what to do.
    """

    def watch(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        if not _is_for_a_form():
            on_query(where, caller_location(), sql)
        return execute(sql, *args)

    with contextlib.ExitStack() as stack:
        for connection in connections.all():
            stack.enter_context(connection.execute_wrapper(watch))
        try:
            yield
        except FieldFetchBlocked as error:
            error.add_note(f"It was read while {where}. {FIX}")
            raise


def _is_for_a_form() -> bool:
    """Whether Django's forms run the running query, with no code of the project in between."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        filename = frame.f_code.co_filename
        if filename == form_models.__file__:
            return True
        if _path_in_project(filename, root=settings.BASE_DIR):
            return False
        frame = frame.f_back
    return False


def caller_location() -> str:
    """Return the `path:line` of the project's code or template that the running query is for."""
    root = settings.BASE_DIR
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        # Not isinstance(): a lazy object would query the database to find its class.
        node: Any = frame.f_locals.get("self")
        if issubclass(type(node), Node) and node.token and node.origin:
            path = _path_in_project(node.origin.name, root=root) or node.origin.name
            return f"{path}:{node.token.lineno}"
        if path := _path_in_project(frame.f_code.co_filename, root=root):
            return f"{path}:{frame.f_lineno}"
        frame = frame.f_back
    return "a line outside the project"


@functools.cache  # called for every frame of every query, for the same few hundred files
def _path_in_project(filename: str, *, root: Path) -> str:
    """Return a file's path below `root`; "" for a file that is not the project's own."""
    path = Path(filename)
    if not path.is_relative_to(root):
        return ""
    inside = path.relative_to(root)
    return "" if NOT_OURS & set(inside.parts) else inside.as_posix()
