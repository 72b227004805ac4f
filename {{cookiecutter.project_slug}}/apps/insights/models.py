"""Figures computed ahead of the reading."""

from django.db import models
from trellis import reads


class DailyOccupancy(reads.Model):
    """How full one day's sessions are (days in UTC), as of `refreshed_at`."""

    day = models.DateField(unique=True)
    seats_offered = models.PositiveIntegerField()
    seats_taken = models.PositiveIntegerField()
    refreshed_at = models.DateTimeField()

    class Meta:
        ordering = ["day"]
        verbose_name_plural = "daily occupancies"

    def __str__(self) -> str:
        return f"{self.day}: {self.seats_taken} of {self.seats_offered}"

    @property
    def percent(self) -> int:
        return round(100 * self.seats_taken / self.seats_offered) if self.seats_offered else 0
