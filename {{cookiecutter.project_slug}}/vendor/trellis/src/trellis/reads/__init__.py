"""Reads whose cost is known: selectors, their rows, and pages of them."""

from trellis.reads.gate import QueryOutsideSelector, caller_location, no_queries
from trellis.reads.indexes import AddIndex
from trellis.reads.paging import CursorInvalid, Page, page
from trellis.reads.rows import Model, promised, selector, selectors, within_days

__all__ = [
    "AddIndex",
    "CursorInvalid",
    "Model",
    "Page",
    "QueryOutsideSelector",
    "caller_location",
    "no_queries",
    "page",
    "promised",
    "selector",
    "selectors",
    "within_days",
]
