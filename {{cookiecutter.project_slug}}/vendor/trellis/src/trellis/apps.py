from django.apps import AppConfig
from django.conf import settings


class TrellisConfig(AppConfig):
    name = "trellis"
    verbose_name = "House rules"

    def ready(self) -> None:
        if not settings.PRODUCTION:
            from django.core import checks
            from trellis.checks import declarations

            checks.register(declarations.check, "trellis")
