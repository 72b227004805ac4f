"""`manage.py map`: draw the apps and which ones they use into docs/map.svg."""

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from trellis import ownership
from trellis.web.map import svg


class Command(BaseCommand):
    help = "Draw the apps, their owners, and which ones they use, into docs/map.svg."
    requires_system_checks = []  # the picture shows what the checks would refuse

    def handle(self, *args: object, **options: object) -> None:
        try:
            picture = svg()
        except ownership.Malformed as fault:
            raise CommandError(str(fault)) from None
        (settings.BASE_DIR / "docs/map.svg").write_text(picture, encoding="utf-8")
        self.stdout.write("Wrote docs/map.svg. Open it in a browser.")
