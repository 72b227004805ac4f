"""What people offer."""

from django.conf import settings
from django.db import models

from trellis import reads


class Item(reads.Model):
    """Something that is for sale."""

    name = models.CharField(max_length=50, unique=True)
    seller = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )

    def __str__(self) -> str:
        return self.name

    def rename(self, name: str) -> None:
        self.name = name
        self.save()

    @classmethod
    def named(cls, name: str) -> "Item | None":
        return cls.objects.filter(name=name).first()
