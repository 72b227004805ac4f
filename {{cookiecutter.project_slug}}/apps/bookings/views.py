"""Pages that show sessions and book them."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe
from trellis import web

from apps.bookings import selectors, services
from apps.catalog import selectors as catalog


@require_safe
# Not in catalog: the list links to session_detail, which needs bookings.
def session_list(request: HttpRequest) -> HttpResponse:
    title, cursor = request.GET.get("title", ""), request.GET.get("cursor", "")
    sessions = catalog.upcoming_sessions(at=timezone.now(), title=title, cursor=cursor)
    context = {"sessions": sessions, "title": title}
    return web.render(request, "bookings/session_list.html", context)


@require_safe
def session_detail(request: HttpRequest, public_id: UUID) -> HttpResponse:
    seen = selectors.session_for(public_id=public_id, person_id=request.user.pk, at=timezone.now())
    context = {
        "session": seen.session,
        "booking": seen.booking,
        "has_started": seen.has_started,
    }
    return web.render(request, "bookings/session_detail.html", context)


@require_POST
def book_seat(request: HttpRequest, public_id: UUID) -> HttpResponse:
    if not request.user.is_authenticated:
        # Back to the page with the button: a redirect cannot repeat a POST.
        return redirect_to_login(next=reverse("bookings:session_detail", args=[public_id]))
    booking = services.book_seat(
        session_public_id=public_id, by=web.user_id(request), at=timezone.now()
    )
    messages.success(request, f"You have a seat: {booking.title}.")
    return redirect("bookings:my_bookings")


@require_safe
@login_required
def my_bookings(request: HttpRequest) -> HttpResponse:
    bookings = selectors.bookings_of(
        attendee_id=web.user_id(request), cursor=request.GET.get("cursor", "")
    )
    context = {"bookings": bookings, "now": timezone.now()}
    return web.render(request, "bookings/my_bookings.html", context)


@require_POST
def cancel_booking(request: HttpRequest, public_id: UUID) -> HttpResponse:
    if not request.user.is_authenticated:
        return redirect_to_login(next=reverse("bookings:my_bookings"))
    services.cancel_booking(public_id=public_id, by=web.user_id(request), at=timezone.now())
    messages.success(request, "Your booking is cancelled.")
    return redirect("bookings:my_bookings")
