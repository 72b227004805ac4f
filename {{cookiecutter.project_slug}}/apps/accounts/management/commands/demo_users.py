"""`manage.py demo_users`: two people to try the project with."""

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.accounts import services

PASSWORD = "demo"  # noqa: S105  # the sign-in page shows it


class Command(BaseCommand):
    help = "Create demo@example.com and staff@example.com with the password 'demo'. Safe to repeat."

    def handle(self, *args: object, **options: object) -> None:
        if settings.PRODUCTION:
            raise CommandError("Demo users do not belong in production: their password is public.")
        for email, name, is_superuser in [
            ("demo@example.com", "Dana Demo", False),
            ("staff@example.com", "Sam Staff", True),
        ]:
            try:
                services.register_user(
                    email=email, name=name, password=PASSWORD, is_superuser=is_superuser
                )
            except services.EmailTaken:
                continue  # created by an earlier run
