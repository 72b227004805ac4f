"""What the library stores: failed tasks, successes, claims, limits, use of caches, API tokens."""

import json
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from kombu.utils.json import JSONEncoder, object_hook

REDACTED = "[redacted]"  # instead of an argument that is secret, or that JSON cannot hold


class ArgumentEncoder(JSONEncoder):
    """Writes arguments as the broker does, so that a UUID or a date comes back as one."""

    def default(self, value: Any) -> Any:
        try:
            return super().default(value)
        except TypeError:  # a record of a failure must not fail
            return REDACTED


class ArgumentDecoder(json.JSONDecoder):
    """Reads what `ArgumentEncoder` wrote."""

    def __init__(self, **options: Any) -> None:
        super().__init__(object_hook=object_hook, **options)


class FailedTask(models.Model):
    """A task that failed for good, or a message that the broker did not take.

    There is one row for each task id. A replay keeps the id, so a replay that fails opens the same
    row again.
    """

    class State(models.TextChoices):
        OPEN = "open", "open"
        REPLAYED = "replayed", "replayed"
        DISCARDED = "discarded", "discarded"

    class Kind(models.TextChoices):
        FAILED = "failed", "failed"
        UNPUBLISHED = "unpublished", "never published"

    task_id = models.CharField(max_length=255, unique=True)
    name = models.CharField(max_length=255)
    owner = models.CharField(max_length=100)
    request_id = models.CharField(max_length=100, blank=True)
    args = models.JSONField(default=list, encoder=ArgumentEncoder, decoder=ArgumentDecoder)
    kwargs = models.JSONField(default=dict, encoder=ArgumentEncoder, decoder=ArgumentDecoder)
    kind = models.CharField(max_length=20, choices=Kind)
    state = models.CharField(max_length=20, choices=State, default=State.OPEN)
    error = models.CharField(max_length=500)
    traceback = models.TextField(blank=True)
    attempts = models.PositiveIntegerField(default=0)
    first_failed_at = models.DateTimeField()
    last_failed_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["owner", "-last_failed_at"], name="failedtask_owner_last"),
            models.Index(fields=["name", "-last_failed_at"], name="failedtask_name_last"),
            models.Index(fields=["state", "last_failed_at"], name="failedtask_state_last"),
        ]
        ordering = ["-last_failed_at", "-id"]

    def __str__(self) -> str:
        return f"{self.name} {self.task_id}"


class LastRun(models.Model):
    """When each task last succeeded."""

    name = models.CharField(max_length=255, primary_key=True)
    succeeded_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Claim(models.Model):
    """Work that is done once, or a scheduled run: who holds it and until when (tasks/claims.py)."""

    name = models.CharField(max_length=255)
    key = models.CharField(max_length=255)
    holder = models.CharField(max_length=255)
    expires_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "key"], name="claim_name_key")]
        indexes = [models.Index(fields=["done_at"], name="claim_done_at")]

    def __str__(self) -> str:
        return f"{self.name} {self.key}"

    @property
    def is_new(self) -> bool:
        """Whether the work was not done before."""
        return self.done_at is None


class Limit(models.Model):
    """How often something was tried in a window of time (web/limits.py)."""

    key = models.CharField(max_length=64, primary_key=True)
    count = models.PositiveIntegerField(default=0)
    ends_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.key


class CacheUse(models.Model):
    """How often one cache was used on one day (UTC), by all processes together."""

    name = models.CharField(max_length=255)
    day = models.DateField()
    hits = models.PositiveBigIntegerField(default=0)
    loads = models.PositiveBigIntegerField(default=0)
    load_seconds = models.FloatField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "day"], name="cacheuse_one_a_day")]

    def __str__(self) -> str:
        return f"{self.name} {self.day}"


class ApiToken(models.Model):
    """A token with which a program uses the API as a user. Only its hash is stored."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    name = models.CharField(max_length=100)
    hash = models.CharField(max_length=64, unique=True, editable=False)
    prefix = models.CharField(max_length=8)  # to tell tokens apart
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.name} of {self.user}"

    @property
    def state(self) -> str:
        if self.revoked_at:
            return "revoked"
        return "valid" if self.expires_at > timezone.now() else "expired"
