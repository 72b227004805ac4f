from django.apps import AppConfig


class TrellisConfig(AppConfig):
    name = "trellis"
    verbose_name = "House rules"

    def ready(self) -> None:
        from trellis.checks import django_checks  # noqa: F401  # registers them with Django
