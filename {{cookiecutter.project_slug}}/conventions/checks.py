"""The layout check as Django system checks, so that `runserver` and `check` show it, too."""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, register
from django.core.checks import Warning as CheckWarning

from conventions import layout


@register("layout")
def layout_is_as_the_rules_say(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Return a warning, `layout.<rule>`, for each violation. Silent in production.

    No error: what is half-written may still be run. `make check` fails on warnings, too.
    """
    if settings.PRODUCTION:
        return []
    return [
        CheckWarning(
            f"{violation.place.path}:{violation.place.line}: {violation.message}",
            id=f"layout.{violation.rule}",
        )
        for violation in layout.check(root=settings.BASE_DIR, today=datetime.now(UTC).date())
    ]
