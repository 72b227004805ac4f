from datetime import UTC, datetime

import factory

from apps.catalog.models import Session, Tag, Workshop


class TagFactory(factory.django.DjangoModelFactory[Tag]):
    class Meta:
        model = Tag

    name = factory.Sequence(lambda n: f"tag {n}")


class WorkshopFactory(factory.django.DjangoModelFactory[Workshop]):
    class Meta:
        model = Workshop

    title = factory.Sequence(lambda n: f"Workshop {n}")
    summary = "What you will learn."
    published_at = datetime(2026, 1, 1, tzinfo=UTC)


class SessionFactory(factory.django.DjangoModelFactory[Session]):
    class Meta:
        model = Session

    workshop = factory.SubFactory(WorkshopFactory)
    starts_at = datetime(2130, 1, 10, 18, tzinfo=UTC)
    room = "Loft"
    capacity = 8
    seats_left = factory.SelfAttribute("capacity")
