"""The catalog in the admin. Saving calls a service, so that the caches are invalidated."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from apps.catalog import services
from apps.catalog.models import Session, Workshop


@admin.register(Workshop)
class WorkshopAdmin(admin.ModelAdmin[Workshop]):
    list_display = ["title", "summary"]
    search_fields = ["title"]

    def save_model(self, request: HttpRequest, obj: Workshop, form: Any, change: bool) -> None:
        if change:
            services.revise_workshop(workshop_id=obj.pk, title=obj.title, summary=obj.summary)
        else:
            obj.pk = services.announce_workshop(title=obj.title, summary=obj.summary)

    def has_delete_permission(self, request: HttpRequest, obj: Workshop | None = None) -> bool:
        return False  # the admin would delete rows without a service


@admin.register(Session)
class SessionAdmin(admin.ModelAdmin[Session]):
    list_display = ["workshop", "starts_at", "room", "capacity", "seats_left"]
    list_filter = ["starts_at", "room"]
    list_select_related = ["workshop"]
    readonly_fields = ["seats_left"]

    def save_model(self, request: HttpRequest, obj: Session, form: Any, change: bool) -> None:
        if change:
            services.reschedule_session(
                session_id=obj.pk, starts_at=obj.starts_at, at=timezone.now()
            )
        else:
            obj.pk = services.schedule_session(
                workshop_id=obj.workshop_id,
                starts_at=obj.starts_at,
                minutes=obj.minutes,
                room=obj.room,
                capacity=obj.capacity,
                price_cents=obj.price_cents,
                at=timezone.now(),
            )

    def get_readonly_fields(self, request: HttpRequest, obj: Session | None = None) -> list[str]:
        # Only the time of a scheduled session may change; anything else is another session.
        fixed = ["workshop", "minutes", "room", "price_cents", "capacity"] if obj else []
        return [*fixed, "seats_left"]

    def has_delete_permission(self, request: HttpRequest, obj: Session | None = None) -> bool:
        return False
