"""`manage.py demo_users`: two people to try the project with."""

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.accounts import services

PASSWORD = "demo"  # noqa: S105  # known on purpose: the sign-in page shows it


class Command(BaseCommand):
    help = "Make demo@example.com and staff@example.com, both with the password 'demo'."

    def handle(self, *args: object, **options: object) -> None:
        if settings.PRODUCTION:
            raise CommandError("Demo users have a known password: not in production.")
        for email, name, is_superuser in [
            ("demo@example.com", "Dana Demo", False),
            ("staff@example.com", "Sam Staff", True),
        ]:
            try:
                services.register_user(
                    email=email, name=name, password=PASSWORD, is_superuser=is_superuser
                )
            except services.EmailTaken:
                continue  # made by an earlier run
