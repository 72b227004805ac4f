"""`manage.py demo_data`: workshops and sessions to try the project with."""

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.catalog import services

WORKSHOPS = [
    ("Sourdough from scratch", "Flour, water, salt and patience. You take a starter home.", 0),
    ("Bind your own notebook", "Coptic stitch, linen thread, and a cover you will keep.", 2500),
    ("Repair a bicycle", "Brakes, gears and a puncture. Bring your own, or break ours.", 0),
    ("Throw your first bowl", "An evening at the wheel. Clothes will get dirty.", 4800),
]


class Command(BaseCommand):
    help = "Announce a few workshops. Run again, it changes nothing."

    def handle(self, *args: object, **options: object) -> None:
        if settings.PRODUCTION:
            raise CommandError("Demo data does not belong in production.")
        services.announce_programme(programme=WORKSHOPS, at=timezone.now())
