"""`manage.py owner WHAT`: who answers for a file, a task or an address of the site."""

from pathlib import Path

from celery import current_app
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import Resolver404, resolve

from conventions import ownership


class Command(BaseCommand):
    help = "Say who owns apps/bookings/services.py, bookings.send_confirmation or /bookings/."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", help="a path, the name of a task, or the path of a URL")

    def handle(self, *args: object, **options: str) -> None:
        what = options["what"]
        app = app_of(what)
        owned = app == "conventions" or (settings.BASE_DIR / "apps" / app / "OWNERS.toml").is_file()
        if not owned:
            raise CommandError(
                f"{what!r} belongs to no app. Give a path under apps/, a task's name"
                " (see `make tasks`) or the path of a URL that an app answers."
            )
        owner = ownership.owner_of(app=app)
        self.stdout.write(f"app      {owner.app}")
        self.stdout.write(f"team     {owner.team}")
        self.stdout.write(f"contact  {owner.contact}")
        self.stdout.write(f"runbook  {owner.runbook}")


def app_of(what: str) -> str:
    """Return the app that a path, a task's name or a URL's path belongs to; "-" for none."""
    if what.startswith("/"):
        try:
            match = resolve(what)
        except Resolver404:
            return "-"
        return _app_in(match.func.__module__)
    current_app.autodiscover_tasks(force=True)
    if what in current_app.tasks:
        return _app_in(current_app.tasks[what].run.__module__)
    parts = Path(what).resolve().parts
    if "conventions" in parts[:-1]:
        return "conventions"
    return parts[parts.index("apps") + 1] if "apps" in parts[:-1] else "-"


def _app_in(module: str) -> str:
    if module.startswith("conventions."):
        return "conventions"
    return module.split(".")[1] if module.startswith("apps.") else "-"
