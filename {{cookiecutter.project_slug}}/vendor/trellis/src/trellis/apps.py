from django.apps import AppConfig
from django.conf import settings
from django.core.checks import register


class TrellisConfig(AppConfig):
    name = "trellis"
    verbose_name = "Operations"

    def ready(self) -> None:
        if not settings.PRODUCTION:
            from trellis.checks import declarations, guards  # never loaded in production

            register(declarations.check, "trellis")
            guards.install()
