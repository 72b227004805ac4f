"""The catalogue as pages."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from trellis import web

from apps.catalog import selectors


def session_list(request: HttpRequest) -> HttpResponse:
    cursor = request.GET.get("cursor", "")
    sessions = selectors.upcoming_sessions(at=timezone.now(), cursor=cursor)
    return web.render(request, "catalog/session_list.html", {"sessions": sessions})


def session_search(request: HttpRequest) -> HttpResponse:
    title, cursor = request.GET.get("title", ""), request.GET.get("cursor", "")
    sessions = selectors.sessions_titled(title=title, at=timezone.now(), cursor=cursor)
    context = {"sessions": sessions, "title": title}
    return web.render(request, "catalog/session_list.html", context)


def session_detail(request: HttpRequest, public_id: UUID) -> HttpResponse:
    session = selectors.session(public_id=public_id)
    return web.render(request, "catalog/session_detail.html", {"session": session})
