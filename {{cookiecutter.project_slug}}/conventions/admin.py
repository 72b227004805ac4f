"""Failed tasks, for whoever is on call."""

from django.contrib import admin
from django.http import HttpRequest

from conventions.models import FailedTask


@admin.register(FailedTask)
class FailedTaskAdmin(admin.ModelAdmin[FailedTask]):
    list_display = ["name", "owner", "state", "error", "attempts", "last_failed_at"]
    list_filter = ["state", "owner", "name"]
    search_fields = ["task_id", "error"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: FailedTask | None = None) -> bool:
        return False
