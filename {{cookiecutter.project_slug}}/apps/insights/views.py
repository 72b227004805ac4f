"""The page with the figures, for staff."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from trellis import errors, web

from apps.insights import selectors


@require_safe
@login_required
def occupancy(request: HttpRequest) -> HttpResponse:
    if not request.user.is_staff:
        raise errors.Forbidden("This page is for staff.")
    days = selectors.daily_occupancy(since=timezone.now().date())
    return web.render(request, "insights/occupancy.html", {"days": days})
