"""Figures that are computed ahead, by a scheduled task."""

from django.db import models
from trellis import reads


class DailyOccupancy(reads.Model):
    """How many seats of one day's sessions are taken (days in UTC), as of `refreshed_at`."""

    day = models.DateField(unique=True)
    seats_offered = models.PositiveIntegerField()
    seats_taken = models.PositiveIntegerField()
    refreshed_at = models.DateTimeField()

    class Meta:
        ordering = ["day"]

    def __str__(self) -> str:
        return f"{self.day}: {self.seats_taken} of {self.seats_offered}"

    @property
    def percent(self) -> int:
        return round(100 * self.seats_taken / self.seats_offered) if self.seats_offered else 0
