"""What the conventions themselves keep: tasks that failed for good, and how caches are used."""

from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models


class ArgumentEncoder(DjangoJSONEncoder):
    """Writes whatever arguments a task was given; a record of a failure must not fail."""

    def default(self, value: Any) -> Any:
        try:
            return super().default(value)
        except TypeError:
            return repr(value)


class FailedTask(models.Model):
    """A task that gave up, or a message the broker refused after the data was committed."""

    class State(models.TextChoices):
        FAILED = "failed", "failed"
        UNPUBLISHED = "unpublished", "never published"

    task_id = models.CharField(max_length=255, unique=True)
    name = models.CharField(max_length=255)
    owner = models.CharField(max_length=100)
    args = models.JSONField(default=list, encoder=ArgumentEncoder)
    kwargs = models.JSONField(default=dict, encoder=ArgumentEncoder)
    error = models.CharField(max_length=500)
    traceback = models.TextField(blank=True)
    attempts = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=20, choices=State)
    first_failed_at = models.DateTimeField(auto_now_add=True)
    last_failed_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["owner", "-last_failed_at"], name="failedtask_owner_last")]
        ordering = ["-last_failed_at"]

    def __str__(self) -> str:
        return f"{self.name} {self.task_id}"


class CacheUse(models.Model):
    """How one cache was used on one day (UTC), by all processes together. A row a day for each."""

    name = models.CharField(max_length=255)
    day = models.DateField()
    hits = models.PositiveBigIntegerField(default=0)
    loads = models.PositiveBigIntegerField(default=0)
    stale_avoided = models.PositiveBigIntegerField(default=0)
    load_seconds = models.FloatField(default=0)
    saved_seconds = models.FloatField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "day"], name="cacheuse_one_a_day")]

    def __str__(self) -> str:
        return f"{self.name} {self.day}"
