"""CPU time of a list of 100 rows as JSON, beside other ways to write it. Prints JSON.

    uv run --with "djangorestframework>=3.16,<4" python -m bench.reads

All answer the same fields of the same rows, without middleware, in turn, in one process: the
ratios count, to plain Django over rows. It runs on the sample project of the library's tests, on
SQLite or on DATABASE_URL, where it leaves its tables behind. Without Django REST framework it
leaves that one out. tests/library/test_api_cost.py runs it, too.
"""

import importlib.util
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import django

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/library/sample")]
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
if "DATABASE_URL" not in os.environ:
    os.environ["DATABASE_URL"] = f"sqlite:///{tempfile.mkdtemp()}/reads.sqlite3"
django.setup()

# Imports that need the settings.
import orjson  # noqa: E402
from django.contrib.admin.models import LogEntry  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.db.models import F, QuerySet  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.test import RequestFactory, override_settings  # noqa: E402
from django.urls import URLPattern, URLResolver, path  # noqa: E402
from ninja import NinjaAPI, Router, Schema  # noqa: E402

from trellis import reads, web  # noqa: E402

SIZE = 100
FIELDS = ("id", "action_time", "object_id", "object_repr", "action_flag", "change_message")


def entries() -> QuerySet[LogEntry]:
    return LogEntry.objects.select_related("user").order_by("action_time", "id")[:SIZE]


def plain_rows(request: HttpRequest) -> HttpResponse:
    """Django and orjson, from rows with their users."""
    items = [
        {"email": row.user.email, "name": row.user.name}
        | {name: getattr(row, name) for name in FIELDS}
        for row in entries()
    ]
    return HttpResponse(orjson.dumps({"items": items}), content_type="application/json")


def plain_values(request: HttpRequest) -> HttpResponse:
    """Django and orjson, from `values()`: the least that Django can do."""
    items = entries().values(*FIELDS, email=F("user__email"), name=F("user__name"))
    return HttpResponse(orjson.dumps({"items": list(items)}), content_type="application/json")


@dataclass(frozen=True)
class Entry:
    id: int
    action_time: datetime
    object_id: str
    object_repr: str
    action_flag: int
    change_message: str
    email: str
    name: str


class EntryOut(web.Out):
    id: int
    action_time: datetime
    object_id: str
    object_repr: str
    action_flag: int
    change_message: str
    email: str
    name: str


@reads.selector(queries=1)
def entry_page(*, cursor: str) -> reads.Page[Entry]:
    return reads.page(
        LogEntry.objects.values(*FIELDS, email=F("user__email"), name=F("user__name")),
        order=("action_time", "id"),
        size=SIZE,
        cursor=cursor,
        into=lambda row: Entry(**row),
    )


router = Router()


@router.get("trellis", response=web.PageOut[EntryOut], auth=None)
def trellis_page(request: HttpRequest, cursor: str = "") -> reads.Page[Entry]:
    """As an app of a project is written: a selector, a page, an `Out`."""
    return entry_page(cursor=cursor)


class EntrySchema(Schema):
    id: int
    action_time: datetime
    object_id: str
    object_repr: str
    action_flag: int
    change_message: str
    email: str
    name: str

    @staticmethod
    def resolve_email(row: LogEntry) -> str:
        return row.user.email

    @staticmethod
    def resolve_name(row: LogEntry) -> str:
        return row.user.name


stock = NinjaAPI(urls_namespace="stock")


@stock.get("", response=list[EntrySchema])
def ninja_rows(request: HttpRequest) -> list[LogEntry]:
    """django-ninja as it comes, from rows."""
    return list(entries())


api = web.make_api()
api.add_router("", router)
urlpatterns: list[URLPattern | URLResolver] = [
    path("plain-rows", plain_rows),
    path("plain-values", plain_values),
    path("api/", api.urls),
    path("ninja/", stock.urls),
]
WAYS = {
    "plain Django, rows": "/plain-rows",
    "Trellis": "/api/trellis",
    "plain Django, values()": "/plain-values",
    "django-ninja as it comes": "/ninja/",
}

if importlib.util.find_spec("rest_framework"):
    from rest_framework import (  # type: ignore[import-not-found]
        generics,
        renderers,
        serializers,
    )

    class EntrySerializer(serializers.ModelSerializer):  # type: ignore[misc]
        email = serializers.CharField(source="user.email")
        name = serializers.CharField(source="user.name")

        class Meta:
            model = LogEntry
            fields = (*FIELDS, "email", "name")

    class EntryList(generics.ListAPIView):  # type: ignore[misc]
        serializer_class = EntrySerializer
        renderer_classes = (renderers.JSONRenderer,)
        authentication_classes = ()
        permission_classes = ()
        pagination_class = None

        def get_queryset(self) -> QuerySet[LogEntry]:
            return entries()

    urlpatterns.append(path("drf", EntryList.as_view()))
    WAYS["Django REST framework"] = "/drf"


def fill() -> None:
    """Add twice as many rows as a page shows."""
    call_command("migrate", verbosity=0)
    users = [
        get_user_model()(email=f"{time.time_ns()}-{n}@example.com", name=f"Person {n}")
        for n in range(20)
    ]
    users = get_user_model().objects.bulk_create(users)
    start = datetime(2030, 1, 1, tzinfo=UTC)
    LogEntry.objects.bulk_create(
        LogEntry(
            user=users[n % len(users)],
            action_time=start + timedelta(seconds=20 * n),
            object_id=str(n),
            object_repr=f"Session {n}",
            action_flag=1,
            change_message="What was changed, in a sentence or two.",
        )
        for n in range(2 * SIZE)
    )


def measure(get: Callable[[str], bytes], *, rounds: int, calls: int) -> dict[str, float]:
    """Return the median CPU time of a call for each way, in milliseconds."""
    times: dict[str, list[float]] = {name: [] for name in WAYS}
    for number in range(rounds + 1):
        for name, url in WAYS.items():
            started = time.process_time()
            for _ in range(calls):
                get(url)
            if number:  # the first round only warms up
                times[name].append(1000 * (time.process_time() - started) / calls)
    return {name: statistics.median(taken) for name, taken in times.items()}


def main() -> None:
    fill()
    connection.settings_dict["CONN_MAX_AGE"] = 60  # seconds, as in a project
    with override_settings(ROOT_URLCONF="bench.reads", MIDDLEWARE=[]):
        handler = WSGIHandler()

        def get(url: str) -> bytes:
            status: list[str] = []

            def start_response(line: str, *_: Any) -> Any:
                status.append(line)

            environ = RequestFactory().get(url).environ
            body = b"".join(handler(environ, start_response))
            if not status[0].startswith("200") or body.count(b"Session ") != SIZE:
                raise RuntimeError(f"{url}: {status[0]}: {body[:300]!r}")
            return body

        milliseconds = measure(get, rounds=15, calls=20)
    base = milliseconds["plain Django, rows"]
    ratios: dict[str, Any] = {name: round(ms / base, 2) for name, ms in milliseconds.items()}
    print(json.dumps({"milliseconds": milliseconds, "ratios": ratios}, indent=2))


if __name__ == "__main__":
    main()
