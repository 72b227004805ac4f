"""The figures as a page."""

from django.contrib.auth.decorators import user_passes_test
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from apps.insights import selectors
from conventions import http


@user_passes_test(lambda user: user.is_active and user.is_staff)
def occupancy(request: HttpRequest) -> HttpResponse:
    days = selectors.daily_occupancy(since=timezone.now().date())
    return http.render(request, "insights/occupancy.html", {"days": days})
