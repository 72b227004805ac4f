"""Where an app uses another one: in an import, a template, or a relation of a model."""

from django.apps import apps as loaded
from django.conf import settings as django_settings

from trellis import ownership
from trellis.checks import habits, located, project, settings


def find() -> dict[tuple[str, str], tuple[str, int]]:
    """Return the path and line of the first use, by the names of both apps."""
    root = django_settings.BASE_DIR
    read = project.read(root, settings=settings.read(root))
    uses: dict[tuple[str, str], tuple[str, int]] = {}
    for module in read.modules:
        for one in module.names.imports:
            pair = (module.app, ownership.app_of(one.dotted))
            uses.setdefault(pair, (module.path, one.line))
    for app, other, path, line in habits.uses_in_templates(read):
        uses.setdefault((app.name, other), (path, line))
    for model in loaded.get_models():
        for field in (*model._meta.local_fields, *model._meta.local_many_to_many):
            if field.related_model:
                pair = (model._meta.app_label, field.related_model._meta.app_label)
                uses.setdefault(pair, located.finding(model, "", "")[:2])
    return uses
