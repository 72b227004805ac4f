"""Reads with a known cost: selectors, the rows they return, and pages of rows."""

from trellis.reads.gate import caller_location as caller_location  # trellis.testing moves
from trellis.reads.indexes import AddIndex
from trellis.reads.paging import Page, page
from trellis.reads.rows import Model, promised, selector, within_days
from trellis.reads.rows import selectors as selectors

__all__ = ["AddIndex", "Model", "Page", "page", "promised", "selector", "within_days"]
