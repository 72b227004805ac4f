"""Bookings in the admin: a list, and an action to record payments."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from apps.bookings import services
from apps.bookings.models import Booking


@admin.register(Booking)
class BookingAdmin(admin.ModelAdmin[Booking]):
    list_display = ["session", "attendee", "status", "booked_at", "confirmation_sent_at"]
    list_filter = ["status", "booked_at"]
    list_select_related = ["session__workshop", "attendee"]
    search_fields = ["attendee__email", "public_id"]
    actions = ["record_payment"]

    @admin.action(description="Record the payment", permissions=["change"])
    def record_payment(self, request: HttpRequest, queryset: QuerySet[Booking]) -> None:
        for booking in queryset:
            try:
                services.record_payment(booking_id=booking.pk, at=timezone.now())
            except services.HoldExpired as error:
                self.message_user(request, f"{booking}: {error}", messages.ERROR)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Booking | None = None) -> bool:
        # Staff may open the list and its action, not a form: a form would save without a service.
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Booking | None = None) -> bool:
        return False
