"""Workshops, and the sessions they are held in."""

import uuid
from dataclasses import fields
from typing import Any

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from trellis import reads

from apps.catalog import types


class Workshop(reads.Model):
    title = models.CharField(max_length=120)
    title_key = models.CharField(max_length=120, blank=True, editable=False)  # what is searched
    summary = models.TextField()

    class Meta:
        ordering = ["title"]
        indexes = [
            models.Index(
                fields=["title_key"], opclasses=["varchar_pattern_ops"], name="workshop_title_key"
            )
        ]

    def __str__(self) -> str:
        return self.title

    def save(self, *args: Any, **kwargs: Any) -> None:
        # Here and not in the database: SQLite lowers ASCII letters only. What goes past save()
        # goes past this, too.
        self.title_key = self.key_of(self.title)
        super().save(*args, **kwargs)

    @staticmethod
    def key_of(title: str) -> str:
        """Return a title, or the beginning of one, as it is searched: in one letter case."""
        return title.replace("\0", "").casefold()[:120]  # PostgreSQL takes no NUL in a text


class Session(reads.Model):
    """A workshop at a time and place. Seats are counted here, so that one row decides."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    workshop = models.ForeignKey(
        Workshop, on_delete=models.PROTECT, related_name="sessions", db_index=False
    )
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
        indexes = [
            models.Index(fields=["starts_at", "id"], name="session_starts_at"),
            models.Index(fields=["workshop", "starts_at", "id"], name="session_of_workshop"),
        ]

    def __str__(self) -> str:
        return f"{self.workshop.title}, {self.starts_at:%d %b %Y %H:%M}"

    @classmethod
    def announced(
        cls, sessions: models.QuerySet["Session"]
    ) -> models.QuerySet["Session", dict[str, Any]]:
        """Return the fields of `types.Session`, as dicts: two thirds of the work of rows."""
        of_session = {field.name for field in fields(types.Session)} - {"title", "summary"}
        of_workshop = {"title": F("workshop__title"), "summary": F("workshop__summary")}
        announced: models.QuerySet[Session, dict[str, Any]]
        announced = sessions.values(*of_session, **of_workshop)
        return announced
