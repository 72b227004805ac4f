"""What is deleted when it is old. How old: RETENTION_DAYS in config/settings.py."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from celery import current_app
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import Q, QuerySet

from trellis.models import CacheUse, Claim, FailedTask, Limit

logger = structlog.get_logger(__name__)

BATCH = 500  # rows that one statement locks and deletes


def clean_up(*, at: datetime) -> None:
    """Delete what is old by `at`, and log how many of each."""
    failures, claims, cache_figures, files = (
        at - timedelta(days=settings.RETENTION_DAYS[name])
        for name in ("failures", "claims", "cache_figures", "files")
    )
    ended = Q(done_at__lt=claims) | Q(done_at=None, expires_at__lt=claims)
    closed = FailedTask.objects.exclude(state=FailedTask.State.OPEN)
    logger.info(
        "cleaned_up",
        sessions=_delete(Session.objects.filter(expire_date__lt=at)),
        limits=_delete(Limit.objects.filter(ends_at__lt=at)),
        failures=_delete(closed.filter(last_failed_at__lt=failures)),
        claims=_delete(Claim.objects.filter(ended)),
        cache_figures=_delete(CacheUse.objects.filter(day__lt=cache_figures.date())),
        files=_delete_files(before=files),
    )


def _delete(rows: QuerySet[Any]) -> int:
    count = 0
    while keys := list(rows.order_by().values_list("pk", flat=True)[:BATCH]):
        count += rows.filter(pk__in=keys).delete()[0]  # unless one was renewed since
    return count


def _delete_files(*, before: datetime) -> int:
    """Delete mails that were written to files, the log before this one, and unreadable messages."""
    mailer: dict[str, Any] = settings.MAILERS["default"]
    mails = mailer.get("OPTIONS", {}).get("file_path")
    broker = current_app.conf.broker_transport_options.get("folder")
    files = [
        *(Path(mails).glob("*.log") if mails else ()),
        *(Path(broker, "broken").glob("*.msg") if broker else ()),
        *([Path(settings.LOG_FILE).with_suffix(".old.jsonl")] if settings.LOG_FILE else ()),
    ]
    old = [file for file in files if file.exists() and file.stat().st_mtime < before.timestamp()]
    for file in old:
        file.unlink()
    return len(old)
