"""The figures in the admin, to look at."""

from django.contrib import admin
from django.http import HttpRequest

from apps.insights.models import DailyOccupancy


@admin.register(DailyOccupancy)
class DailyOccupancyAdmin(admin.ModelAdmin[DailyOccupancy]):
    list_display = ["day", "seats_offered", "seats_taken", "refreshed_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(
        self, request: HttpRequest, obj: DailyOccupancy | None = None
    ) -> bool:
        return False
