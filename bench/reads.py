"""CPU time of the example's list of sessions as JSON, beside other ways to write it. Prints JSON.

    make demo                     # leaves a project in build/workshop-desk
    cd build/workshop-desk
    uv run --with "djangorestframework>=3.16,<4" python ../../bench/reads.py [ROUNDS]

All answer the same fields of the same 100 rows, under production's settings, without middleware,
in turn, in one process. It prints the least CPU time of some rounds as a ratio to plain Django over
rows. On SQLite, or in an empty database at DATABASE_URL. Without Django REST framework it leaves
that one out. tests/template/test_performance.py runs it, too.
"""

import importlib.util
import json
import os
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import django

sys.path.insert(0, str(Path.cwd()))
os.environ |= {  # production's settings: no guards and no zeal; nothing connects to these servers
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "DJANGO_ENV": "production",
    "IGNORE_ENV_FILE": "1",
    "SECRET_KEY": "a-long-and-random-looking-value-0123456789-for-this-bench",
    "ALLOWED_HOSTS": "testserver",
    "CACHE_URL": "redis://localhost:6379/0",
    "CELERY_BROKER_URL": "redis://localhost:6379/1",
    "EMAIL_URL": "smtp://localhost:25",
    "DEFAULT_FROM_EMAIL": "hello@example.com",
    "STORAGE_URL": "file:///unused",
    "LOG_LEVEL": "ERROR",
}
if "DATABASE_URL" not in os.environ:
    os.environ["DATABASE_URL"] = f"sqlite:///{tempfile.mkdtemp()}/reads.sqlite3"
django.setup()

# Imports that need the settings.
import orjson  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.db.models import F, QuerySet  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.test import RequestFactory, override_settings  # noqa: E402
from django.urls import path  # noqa: E402
from ninja import NinjaAPI, Schema  # noqa: E402

from apps.catalog import selectors  # noqa: E402
from apps.catalog.models import Session, Workshop  # noqa: E402
from config import urls  # noqa: E402

SIZE = selectors.PAGE_SIZE = 100
FIELDS = ("public_id", "starts_at", "minutes", "room", "price_cents", "capacity", "seats_left")
START = datetime(2030, 1, 1, tzinfo=UTC)


def rows() -> "QuerySet[Session]":
    sessions = Session.objects.select_related("workshop").filter(starts_at__gt=START)
    return sessions.order_by("starts_at", "id")[:SIZE]


def plain_rows(request: HttpRequest) -> HttpResponse:
    """Django and orjson, from rows with their workshops."""
    items = [
        {"title": row.workshop.title, "summary": row.workshop.summary}
        | {name: getattr(row, name) for name in FIELDS}
        for row in rows()
    ]
    return HttpResponse(orjson.dumps({"items": items}), content_type="application/json")


def plain_values(request: HttpRequest) -> HttpResponse:
    """Django and orjson, from `values()`: the least that Django can do."""
    items = rows().values(*FIELDS, title=F("workshop__title"), summary=F("workshop__summary"))
    return HttpResponse(orjson.dumps({"items": list(items)}), content_type="application/json")


class SessionSchema(Schema):
    title: str
    summary: str
    public_id: UUID
    starts_at: datetime
    minutes: int
    room: str
    price_cents: int
    capacity: int
    seats_left: int

    @staticmethod
    def resolve_title(row: Session) -> str:
        return row.workshop.title

    @staticmethod
    def resolve_summary(row: Session) -> str:
        return row.workshop.summary


stock = NinjaAPI(urls_namespace="stock")


@stock.get("", response=list[SessionSchema])
def ninja_rows(request: HttpRequest) -> list[Session]:
    """django-ninja as it comes, from rows."""
    return list(rows())


urls.urlpatterns += [
    path("bench/rows", plain_rows),
    path("bench/values", plain_values),
    path("bench/ninja/", stock.urls),
]
WAYS = {
    "plain Django, rows": "/bench/rows",
    "this project": "/api/sessions",
    "plain Django, values()": "/bench/values",
    "django-ninja as it comes": "/bench/ninja/",
}

if importlib.util.find_spec("rest_framework"):
    from rest_framework import generics, renderers, serializers

    class SessionSerializer(serializers.ModelSerializer):
        title = serializers.CharField(source="workshop.title")
        summary = serializers.CharField(source="workshop.summary")

        class Meta:
            model = Session
            fields = ("title", "summary", *FIELDS)

    class SessionList(generics.ListAPIView):
        serializer_class = SessionSerializer
        renderer_classes = (renderers.JSONRenderer,)
        authentication_classes = ()
        permission_classes = ()
        pagination_class = None

        def get_queryset(self) -> "QuerySet[Session]":
            return rows()

    urls.urlpatterns.append(path("bench/drf", SessionList.as_view()))
    WAYS["Django REST framework"] = "/bench/drf"


def fill() -> None:
    """Add twice as many sessions as a page shows."""
    call_command("migrate", verbosity=0)
    workshops = [Workshop(title=f"Workshop {n}", summary="What you learn.") for n in range(20)]
    for workshop in workshops:
        workshop.save()
    Session.objects.bulk_create(
        Session(
            workshop=workshops[n % len(workshops)],
            starts_at=START + timedelta(seconds=20 * n),
            room="Loft",
            capacity=8,
            seats_left=8,
        )
        for n in range(1, 2 * SIZE)
    )


def get(url: str, handler: WSGIHandler) -> None:
    status: list[str] = []
    environ = RequestFactory().get(url).environ
    body = b"".join(handler(environ, lambda line, headers: status.append(line)))
    if not status[0].startswith("200") or body.count(b"Loft") != SIZE:
        raise RuntimeError(f"{url}: {status[0]}: {body[:300]!r}")


def main(rounds: int) -> None:
    fill()
    connection.settings_dict["CONN_MAX_AGE"] = 60  # seconds; connecting costs all ways the same
    with override_settings(MIDDLEWARE=[]):
        handler = WSGIHandler()
    taken: dict[str, list[float]] = {name: [] for name in WAYS}
    for number in range(rounds + 1):
        for name, url in WAYS.items():
            started = time.process_time()
            for _ in range(10):
                get(url, handler)
            if number:  # the first round only warms up
                taken[name].append(time.process_time() - started)
    seconds = {name: min(times) for name, times in taken.items()}
    base = seconds["plain Django, rows"]
    print(json.dumps({name: round(each / base, 2) for name, each in seconds.items()}))


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 30)
