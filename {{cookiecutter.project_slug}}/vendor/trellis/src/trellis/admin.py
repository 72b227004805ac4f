"""Failed tasks and API tokens in the admin, for whoever is on call."""

from collections.abc import Callable

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html

from trellis import errors, ownership
from trellis.models import ApiToken, FailedTask
from trellis.tasks import failures
from trellis.web import tokens


@admin.register(FailedTask)
class FailedTaskAdmin(admin.ModelAdmin[FailedTask]):
    """A list with two actions. Rows are neither added nor edited nor deleted by hand."""

    list_display = ["name", "owner", "state", "runbook", "error", "attempts", "last_failed_at"]
    list_filter = ["state", "owner", "name", "kind"]
    search_fields = ["task_id", "request_id", "error"]
    actions = ["replay", "discard"]

    @admin.action(description="Replay: run again", permissions=["change"])
    def replay(self, request: HttpRequest, queryset: QuerySet[FailedTask]) -> None:
        self._close(request, queryset, failures.replay, done="Put back on its queue")

    @admin.action(description="Discard: nothing is to be done", permissions=["change"])
    def discard(self, request: HttpRequest, queryset: QuerySet[FailedTask]) -> None:
        self._close(request, queryset, failures.discard, done="Discarded")

    def _close(
        self,
        request: HttpRequest,
        queryset: QuerySet[FailedTask],
        service: Callable[..., None],
        *,
        done: str,
    ) -> None:
        for row in queryset.order_by("pk"):
            try:
                service(failure_id=row.pk, by=request.user.get_username())
            except errors.BusinessError as error:
                self.message_user(request, str(error), messages.ERROR)
            else:
                self.message_user(request, f"{done}: {row.name}.")

    @admin.display(description="runbook")
    def runbook(self, row: FailedTask) -> str:
        address = reverse("admin:trellis_failedtask_runbook", args=[row.pk])
        return format_html('<a href="{}">{}</a>', address, ownership.runbook_of_task(name=row.name))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.show_runbook)
        name = "trellis_failedtask_runbook"
        return [path("<int:failure_id>/runbook/", view, name=name), *super().get_urls()]

    def show_runbook(self, request: HttpRequest, failure_id: int) -> HttpResponse:
        """Show the runbook of a failed task's app as plain text."""
        row = self.get_object(request, str(failure_id))
        if row is None or not self.has_view_permission(request, row):
            raise Http404
        runbook = settings.BASE_DIR / ownership.runbook_of_task(name=row.name)
        text = runbook.read_text(encoding="utf-8")
        return HttpResponse(text, content_type="text/plain; charset=utf-8")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, object] | None = None
    ) -> HttpResponse:
        # Django's title would be "Select failed task to change".
        return super().changelist_view(request, {"title": "Failed tasks", **(extra_context or {})})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: FailedTask | None = None) -> bool:
        return obj is None and super().has_change_permission(request, obj)  # for the actions

    def has_delete_permission(self, request: HttpRequest, obj: FailedTask | None = None) -> bool:
        return False  # a discarded row stays as a trace; trellis.clean_up deletes it


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin[ApiToken]):
    """A list from which tokens are revoked. `manage.py api_token create` creates them."""

    list_display = ["name", "user", "prefix", "state", "created_at", "expires_at", "last_used_at"]
    list_select_related = ["user"]
    search_fields = ["name", "prefix", f"user__{get_user_model().USERNAME_FIELD}"]
    actions = ["revoke"]

    @admin.action(description="Revoke: end at once", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        revoked = [row for row in queryset if tokens.revoke(token_id=row.pk, at=timezone.now())]
        self.message_user(request, f"Revoked tokens: {len(revoked)}.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        return obj is None and super().has_change_permission(request, obj)  # for the action
