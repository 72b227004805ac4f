"""The catalogue as pages."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from apps.catalog import selectors
from conventions import http


def session_list(request: HttpRequest) -> HttpResponse:
    sessions = selectors.upcoming_sessions(at=timezone.now())
    return http.render(request, "catalog/session_list.html", {"sessions": sessions})


def session_detail(request: HttpRequest, public_id: UUID) -> HttpResponse:
    session = selectors.session(public_id=public_id)
    return http.render(request, "catalog/session_detail.html", {"session": session})
