"""Seats that people have booked."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from trellis import reads

ACTIVE = ["held", "confirmed"]  # the statuses that take a seat


class Booking(reads.Model):
    """One seat in a session, for one person."""

    class Status(models.TextChoices):
        HELD = "held", "held until paid"
        CONFIRMED = "confirmed", "confirmed"
        CANCELLED = "cancelled", "cancelled"
        EXPIRED = "expired", "expired unpaid"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    session = models.ForeignKey("catalog.Session", on_delete=models.PROTECT, related_name="+")
    attendee = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    status = models.CharField(max_length=10, choices=Status)
    booked_at = models.DateTimeField()
    hold_expires_at = models.DateTimeField(null=True, blank=True)
    confirmation_sent_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-booked_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["session", "attendee"],
                condition=Q(status__in=ACTIVE),
                name="booking_one_active_seat_each",
            ),
            models.CheckConstraint(
                condition=~Q(status="held") | Q(hold_expires_at__isnull=False),
                name="booking_hold_has_an_end",
            ),
        ]
        indexes = [
            models.Index(fields=["attendee", "-booked_at", "-id"], name="booking_of_attendee"),
            models.Index(
                fields=["hold_expires_at"],
                condition=Q(status="held"),
                name="booking_open_holds",
            ),
            models.Index(
                fields=["booked_at"],
                condition=Q(status="confirmed", confirmation_sent_at=None),
                name="booking_unsent_confirmations",
            ),
        ]

    def __str__(self) -> str:
        return f"Booking {self.public_id}"

    @property
    def is_active(self) -> bool:
        return self.status in ACTIVE
