"""Reads with a known cost: selectors, the rows they return, and pages of rows."""

from trellis.reads.indexes import AddIndex
from trellis.reads.paging import Page, page
from trellis.reads.rows import Model, promised, selector, within_days

__all__ = ["AddIndex", "Model", "Page", "page", "promised", "selector", "within_days"]
