"""`manage.py map`: draw the apps and which ones they use into docs/map.svg."""

from django.conf import settings
from django.core.management.base import BaseCommand

from trellis.web.map import svg


class Command(BaseCommand):
    help = "Draw the apps, their owners, and which ones they use, into docs/map.svg."
    requires_system_checks = []  # the picture shows what the checks would refuse

    def handle(self, *args: object, **options: object) -> None:
        path = settings.BASE_DIR / "docs" / "map.svg"
        path.write_text(svg(root=settings.BASE_DIR), encoding="utf-8")
        self.stdout.write(f"Wrote {path.relative_to(settings.BASE_DIR)}. Open it in a browser.")
