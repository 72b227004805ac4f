"""What an app needs for HTTP: pages, the API, and the user of a request."""

from trellis.web.api import In, Out, PageOut, make_api
from trellis.web.pages import render
from trellis.web.requests import user_id

__all__ = ["In", "Out", "PageOut", "make_api", "render", "user_id"]
