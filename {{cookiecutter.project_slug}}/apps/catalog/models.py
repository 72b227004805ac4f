"""Workshops, and the sessions they are held in."""

import uuid

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q

from conventions import querying


class Workshop(querying.Model):
    title = models.CharField(max_length=120)
    summary = models.TextField()

    class Meta:
        ordering = ["title"]

    def __str__(self) -> str:
        return self.title


class Session(querying.Model):
    """A workshop at a time and place. Seats are counted here, so that one row decides."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    workshop = models.ForeignKey(Workshop, on_delete=models.PROTECT, related_name="sessions")
    starts_at = models.DateTimeField()
    minutes = models.PositiveIntegerField(default=120)
    room = models.CharField(max_length=60)
    price_cents = models.PositiveIntegerField(default=0)
    capacity = models.PositiveIntegerField(validators=[MinValueValidator(1)])
    seats_left = models.PositiveIntegerField(editable=False)

    class Meta:
        ordering = ["starts_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(seats_left__gte=0) & Q(seats_left__lte=F("capacity")),
                name="session_seats_within_capacity",
            )
        ]
        indexes = [models.Index(fields=["starts_at", "id"], name="session_starts_at")]

    def __str__(self) -> str:
        return f"{self.workshop.title}, {self.starts_at:%d %b %Y %H:%M}"
