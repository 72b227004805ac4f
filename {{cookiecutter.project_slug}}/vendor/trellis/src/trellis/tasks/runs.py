"""When each task last succeeded."""

from datetime import datetime

from trellis.models import LastRun


def note_success(*, name: str, at: datetime) -> None:
    """Keep the time of a success."""
    LastRun.objects.bulk_create(
        [LastRun(name=name, succeeded_at=at)],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["succeeded_at"],
    )


def last_successes() -> dict[str, datetime]:
    """Return the last success of each task that ever succeeded, by its name."""
    return dict(LastRun.objects.values_list("name", "succeeded_at"))
