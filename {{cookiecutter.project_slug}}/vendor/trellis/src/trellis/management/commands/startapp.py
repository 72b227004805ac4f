"""`manage.py startapp`: Django's own command, for an app with this project's layers."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from trellis.commands import app


class Command(BaseCommand):
    requires_system_checks = []  # an app may be added to a project that has findings
    help = "Write a new app: models, services, selectors, a page, their tests, and its owner."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", nargs="?", default="", help="such as invoices")
        parser.add_argument("--team", default="", help="who owns it: one of teams.toml")
        parser.add_argument(
            "--model", default="", help="its model, such as Invoice; by default named like the app"
        )
        parser.add_argument(
            "--with",
            dest="layers",
            default="",
            help=f"more layers, separated by commas: {','.join(app.OPTIONAL)}",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            paths = app.write_app(
                name=options["name"],
                team=options["team"],
                model=options["model"],
                chosen=[layer.strip() for layer in options["layers"].split(",") if layer.strip()],
                root=settings.BASE_DIR,
            )
        except app.Refused as refusal:
            raise CommandError(str(refusal)) from None
        for path in paths:
            self.stdout.write(path)
        address = options["name"].replace("_", "-")
        self.stdout.write(f"Its page is /{address}/, and no other page links to it yet.")
        self.stdout.write("Next: make setup (it migrates), then make check.")
