from django.apps import AppConfig


class ConventionsConfig(AppConfig):
    name = "conventions"
    verbose_name = "House rules"

    def ready(self) -> None:
        from conventions import checks  # noqa: F401  # registers the layout check with Django
