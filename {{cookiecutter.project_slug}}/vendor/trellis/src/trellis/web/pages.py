"""Pages: rendered without a query, and the page that a refused service becomes."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render as django_render

from trellis import errors
from trellis.reads import no_queries
from trellis.web.status import status_of


def render(
    request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """Render a page from what the view passed. No query may run meanwhile (`no_queries`)."""
    request.user.is_authenticated  # noqa: B018  # loads session and user first
    messages.get_messages(request)
    with no_queries(f"rendering {template}"):
        return django_render(request, template, context, status=status)


def project(request: HttpRequest) -> dict[str, Any]:
    """Template context: what the project is called."""
    return {
        "project_name": settings.PROJECT_NAME,
        "project_description": settings.PROJECT_DESCRIPTION,
        "debug": settings.DEBUG,
    }


class BusinessErrorMiddleware:
    """Turn an error of a service into a page with its message. (The API has its own handlers.)"""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, ValidationError):
            error = errors.Invalid("; ".join(error.messages))
        if not isinstance(error, errors.BusinessError):
            return None
        return render(request, "refused.html", {"error": error}, status=status_of(error))
