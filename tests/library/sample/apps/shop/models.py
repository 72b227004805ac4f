"""What people offer."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from trellis import reads
from trellis.reads.rows import Manager


class ReviewedManager(models.Manager["Item"]):
    def get_queryset(self) -> models.QuerySet["Item"]:
        return super().get_queryset().exclude(reviewer=None)


class Item(reads.Model):
    """Something that is for sale."""

    name = models.CharField(max_length=50, unique=True)
    seller = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )

    objects: ClassVar[Manager["Item"]] = Manager()  # type: ignore[assignment]
    reviewed: ClassVar[ReviewedManager] = ReviewedManager()

    def __str__(self) -> str:
        return self.name

    def rename(self, name: str) -> None:
        self.name = name
        self.save()

    @classmethod
    def named(cls, name: str) -> "Item | None":
        return cls.objects.filter(name=name).first()
