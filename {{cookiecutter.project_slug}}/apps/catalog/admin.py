"""The catalog in the admin. Saving calls a service, so that the caches are invalidated."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from trellis import web

from apps.catalog import services
from apps.catalog.models import Session, Tag, Workshop


@admin.register(Tag)
class TagAdmin(web.ServiceAdmin[Tag]):
    search_fields = ["name"]

    def save_model(self, request: HttpRequest, obj: Tag, form: Any, change: bool) -> None:
        obj.pk = services.add_tag(name=obj.name)

    def has_change_permission(self, request: HttpRequest, obj: Tag | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Tag | None = None) -> bool:
        return False


@admin.register(Workshop)
class WorkshopAdmin(web.ServiceAdmin[Workshop]):
    """Workshops, and the proposals that wait for a review."""

    list_display = ["title", "picture_shown", "proposed_by", "published_at"]
    list_filter = [("published_at", admin.EmptyFieldListFilter), "tags"]
    list_select_related = ["proposed_by"]
    search_fields = ["title"]
    fields = ["title", "summary", "tags", "picture_shown", "proposed_by", "published_at"]
    # A picture comes in by the form of a proposal, which checks it.
    readonly_fields = ["picture_shown", "proposed_by", "published_at"]
    filter_horizontal = ["tags"]
    actions = ["publish", "reject"]

    @admin.display(description="Picture")
    def picture_shown(self, workshop: Workshop) -> str:
        picture = workshop.picture
        return format_html('<img src="{}" alt="" width="160">', picture.url) if picture else "-"

    @admin.action(description="Publish the proposal", permissions=["change"])
    def publish(self, request: HttpRequest, queryset: QuerySet[Workshop]) -> None:
        for workshop in queryset:
            try:
                services.publish_proposal(workshop_id=workshop.pk, at=timezone.now())
                self.message_user(request, f"{workshop}: published.")
            except services.NotAProposal as error:
                self.message_user(request, f"{workshop}: {error}", messages.ERROR)

    @admin.action(description="Reject and delete the proposal", permissions=["change"])
    def reject(self, request: HttpRequest, queryset: QuerySet[Workshop]) -> None:
        for workshop in queryset:
            try:
                services.reject_proposal(workshop_id=workshop.pk)
                self.message_user(request, f"{workshop}: rejected and deleted.")
            except services.NotAProposal as error:
                self.message_user(request, f"{workshop}: {error}", messages.ERROR)

    def save_model(self, request: HttpRequest, obj: Workshop, form: Any, change: bool) -> None:
        tags = [tag.name for tag in form.cleaned_data["tags"]]
        if change:
            services.revise_workshop(
                workshop_id=obj.pk, title=obj.title, summary=obj.summary, tags=tags
            )
        else:
            obj.pk = services.announce_workshop(
                title=obj.title, summary=obj.summary, tags=tags, at=timezone.now()
            )

    def save_related(self, *args: Any) -> None:
        """Save nothing: the service has saved the tags."""

    def has_delete_permission(self, request: HttpRequest, obj: Workshop | None = None) -> bool:
        return False  # the admin would delete rows without a service


@admin.register(Session)
class SessionAdmin(web.ServiceAdmin[Session]):
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
