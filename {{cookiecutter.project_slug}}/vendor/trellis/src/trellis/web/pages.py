"""HTML pages, and the page that shows a service's error."""

import sys
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template import loader
from django.template.context import make_context
from django.template.loader import render_to_string

from trellis import errors
from trellis.reads.gate import no_queries
from trellis.tasks import failures
from trellis.web.status import TooManyRequests, invalid, status_of


def render(
    request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """Render a page from what the view and the context processors pass, without a query.

    Raises `RuleBroken` in development and tests where the template runs a query.
    """
    request.user.is_authenticated  # noqa: B018  # loads the session and the user before the gate
    messages.get_messages(request)
    page = loader.get_template(template).template  # type: ignore[attr-defined]  # of Django's engine
    values = make_context(context, request)
    with values.bind_template(page):  # runs the context processors, which may call selectors
        values.template_name = page.name
        with no_queries(f"rendering {template}"):
            return HttpResponse(page.render(values), status=status)


def project(request: HttpRequest) -> dict[str, Any]:
    """Context processor: the project's name and description for every template.

    `open_failures` is counted where a template shows it: on the first page of the admin.
    """
    return {
        "project_name": settings.PROJECT_NAME,
        "project_description": settings.PROJECT_DESCRIPTION,
        "debug": settings.DEBUG,
        "open_failures": failures.count_open,
    }


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an exception that nothing handled (`handler500`): 503 if the database is away.

    The pages `500.html` and `503.html` get no context, which would need the database.
    """
    is_away = isinstance(sys.exception(), OperationalError | InterfaceError)
    status = HTTPStatus.SERVICE_UNAVAILABLE if is_away else HTTPStatus.INTERNAL_SERVER_ERROR
    response = HttpResponse(render_to_string(f"{status:d}.html"), status=status)
    if is_away:
        response["Retry-After"] = "60"  # seconds
    return response


class BusinessErrorMiddleware:
    """Show a service's error as the page `refused.html`, with the error's status code.

    Endpoints of the API do not get here: `trellis.web.api` handles their errors.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, ValidationError):
            error = invalid(error)
        if not isinstance(error, errors.BusinessError):
            return None
        response = render(request, "refused.html", {"error": error}, status=status_of(error))
        if isinstance(error, TooManyRequests):
            response["Retry-After"] = str(error.retry_after)
        return response
