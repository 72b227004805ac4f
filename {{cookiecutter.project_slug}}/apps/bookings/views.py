"""Bookings as pages."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST
from trellis import web

from apps.bookings import selectors, services


@login_required
def my_bookings(request: HttpRequest) -> HttpResponse:
    cursor = request.GET.get("cursor", "")
    bookings = selectors.bookings_of(attendee_id=web.user_id(request), cursor=cursor)
    return web.render(request, "bookings/my_bookings.html", {"bookings": bookings})


@require_POST
def book_seat(request: HttpRequest, session_public_id: UUID) -> HttpResponse:
    if not request.user.is_authenticated:
        # Back to the page with the button: a redirect cannot repeat a POST.
        page = reverse("catalog:session_detail", args=[session_public_id])
        return redirect_to_login(next=page)
    booking = services.book_seat(
        session_public_id=session_public_id, by=web.user_id(request), at=timezone.now()
    )
    messages.success(request, f"You have a seat: {booking.title}.")
    return redirect("bookings:my_bookings")


@require_POST
def cancel_booking(request: HttpRequest, public_id: UUID) -> HttpResponse:
    if not request.user.is_authenticated:
        return redirect_to_login(next=reverse("bookings:my_bookings"))
    services.cancel_booking(public_id=public_id, by=web.user_id(request), at=timezone.now())
    messages.success(request, "Your seat is free for somebody else now. Thank you.")
    return redirect("bookings:my_bookings")
