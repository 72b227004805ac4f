"""The list of sessions, by cursor and by offset, at both of its ends.

    uv run python -m bench.session_list [rows]

docs/performance.md has the figures, and what they decided.
"""

import os
import sys
from datetime import UTC, datetime, timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("DEBUG", "0")  # else Django keeps every query
django.setup()

from apps.catalog import selectors, types  # noqa: E402  # they need the settings
from apps.catalog.models import Session, Workshop  # noqa: E402
from bench.compare import compare, scratch_database  # noqa: E402

NOW = datetime(2130, 1, 1, tzinfo=UTC)


def main(*, rows: int) -> dict[str, float]:
    with scratch_database():
        workshop = Workshop.objects.create(title="Bread", summary="Flour, water, salt.")
        Session.objects.bulk_create(
            [
                Session(
                    workshop=workshop,
                    starts_at=NOW + timedelta(minutes=number),
                    room="Loft",
                    capacity=8,
                    seats_left=8,
                )
                for number in range(1, rows + 1)
            ],
            batch_size=5000,
        )
        cursor = last_cursor()
        return compare(
            first_by_cursor=lambda: selectors.upcoming_sessions(at=NOW),
            last_by_cursor=lambda: selectors.upcoming_sessions(at=NOW, cursor=cursor),
            first_by_offset=lambda: by_offset(0),
            last_by_offset=lambda: by_offset(rows - selectors.SHOWN),
        )


def by_offset(offset: int) -> list[types.Session]:
    """Return a page as it is often written: skip so many, then take some."""
    rows = Session.announced(Session.objects.filter(starts_at__gt=NOW)).order_by("starts_at", "id")
    return [types.Session(**row) for row in rows[offset : offset + selectors.SHOWN]]


def last_cursor() -> str:
    """Follow the pages to the last that is whole."""
    cursor = ""
    while following := selectors.upcoming_sessions(at=NOW, cursor=cursor).next_cursor:
        cursor = following
    return cursor


if __name__ == "__main__":
    main(rows=int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
