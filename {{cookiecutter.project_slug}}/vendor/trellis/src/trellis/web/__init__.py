"""HTTP, in one place: the API, pages, and what both make of a refused service."""

from trellis.web.api import In, Out, PageOut, make_api
from trellis.web.pages import render
from trellis.web.requests import user_id

__all__ = ["In", "Out", "PageOut", "make_api", "render", "user_id"]
