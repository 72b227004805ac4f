"""Workshops, and the sessions in which they are held."""

import uuid
from typing import Any

from django.conf import settings
from django.core.validators import MaxLengthValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from trellis import reads

TITLE_LENGTH = 120
SUMMARY_LENGTH = 2000


class Tag(reads.Model):
    """A word to find workshops by."""

    name = models.CharField(max_length=40, unique=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Workshop(reads.Model):
    """What can be learned. A proposal is a workshop that is not published: no page shows it."""

    title = models.CharField(max_length=TITLE_LENGTH, unique=True)
    summary = models.TextField(validators=[MaxLengthValidator(SUMMARY_LENGTH)])
    tags = models.ManyToManyField(Tag, blank=True, related_name="+")
    picture = models.ImageField(upload_to="workshops/", blank=True)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["title"]

    def __str__(self) -> str:
        return self.title


class Session(reads.Model):
    """A workshop at a time and place, with the number of seats that are left."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    workshop = models.ForeignKey(
        Workshop,
        on_delete=models.PROTECT,
        related_name="sessions",
        # Sessions are public, so a proposal has none. `full_clean` refuses it.
        limit_choices_to={"published_at__isnull": False},
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
        indexes = [models.Index(fields=["starts_at", "id"], name="session_starts_at")]

    def __str__(self) -> str:
        return f"{self.workshop.title}, {self.starts_at:%d %b %Y %H:%M}"

    @classmethod
    def values_of(cls, sessions: models.QuerySet["Session"]) -> models.QuerySet["Session", Any]:
        """Return the fields of `types.Session` as dicts: that costs half as much as rows."""
        return sessions.values(
            "id",
            "public_id",
            "starts_at",
            "minutes",
            "room",
            "price_cents",
            "capacity",
            "seats_left",
            title=F("workshop__title"),
            summary=F("workshop__summary"),
        )
