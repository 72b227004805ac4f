"""What the project asks of itself as Django system checks, so that `runserver` shows it, too.

Warnings, no errors: what is half-written may still be run. `make check` fails on warnings, too.
Production does not ask.
"""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, register
from django.core.checks import Warning as CheckWarning

from trellis.checks import layout, migrations


@register("layout")
def layout_is_as_the_rules_say(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Return a warning, `layout.<rule>`, for each violation."""
    if settings.PRODUCTION:
        return []
    return [
        CheckWarning(
            f"{violation.path}:{violation.line}: {violation.message}",
            id=f"layout.{violation.rule}",
        )
        for violation in layout.check(root=settings.BASE_DIR, today=datetime.now(UTC).date())
    ]


@register("migrations")
def migrations_take_two_steps(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Return a warning for each operation that the old code or its users would not survive."""
    if settings.PRODUCTION:
        return []
    return [
        CheckWarning(f"{one.path}:{one.line}: {one.message}", id="migrations.two_steps")
        for one in migrations.refusals()
    ]
