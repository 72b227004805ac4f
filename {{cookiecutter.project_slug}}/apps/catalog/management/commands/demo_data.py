"""`manage.py demo_data`: workshops and sessions to try the project with."""

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.catalog import services, types

WORKSHOPS = [
    types.PlannedWorkshop(
        title="Sourdough from scratch",
        summary="Flour, water, salt and patience. You take a starter home.",
        room="Kitchen",
        capacity=8,
        price_cents=0,
        tags=("food",),
    ),
    types.PlannedWorkshop(
        title="Bind your own notebook",
        summary="Coptic stitch, linen thread, and a cover you will keep.",
        room="Loft",
        capacity=8,
        price_cents=2500,
        tags=("by hand", "paper"),
    ),
    types.PlannedWorkshop(
        title="Repair a bicycle",
        summary="Brakes, gears and a puncture. One bicycle, so there is one seat.",
        room="Yard",
        capacity=1,
        price_cents=0,
        tags=("by hand",),
    ),
    types.PlannedWorkshop(
        title="Throw your first bowl",
        summary="An evening at the wheel. Clothes will get dirty.",
        room="Loft",
        capacity=6,
        price_cents=4800,
    ),
]


class Command(BaseCommand):
    help = "Announce a few workshops. Safe to repeat."

    def handle(self, *args: object, **options: object) -> None:
        if settings.PRODUCTION:
            raise CommandError("Demo data does not belong in production.")
        services.announce_programme(workshops=WORKSHOPS, at=timezone.now())
