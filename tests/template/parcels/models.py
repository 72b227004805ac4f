from django.db import models


class Parcel(models.Model):
    """Something to deliver, which takes a while."""

    takes = models.FloatField()  # seconds, the first time
    delivered_at = models.DateTimeField(null=True)
    deliveries = models.PositiveIntegerField(default=0)  # how often it had its effect


class Attempt(models.Model):
    """One run of the task for one parcel."""

    parcel = models.ForeignKey(Parcel, on_delete=models.CASCADE)


class Mark(models.Model):
    """The time between two series of tasks."""

    at = models.FloatField()
