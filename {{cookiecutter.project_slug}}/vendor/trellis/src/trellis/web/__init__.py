"""What an app needs for HTTP: pages, forms, the API, and the user of a request."""

from trellis.web.api import In, Out, PageOut, make_api
from trellis.web.forms import ServiceAdmin, refusals_in
from trellis.web.pages import render
from trellis.web.requests import user_id

__all__ = ["In", "Out", "PageOut", "ServiceAdmin", "make_api", "refusals_in", "render", "user_id"]
