"""The part of bench/reads.py that runs inside a generated project, on a scratch database."""

import os
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
django.setup()

import orjson  # noqa: E402  # Django is set up before what needs its settings
from apps.catalog import selectors  # noqa: E402
from apps.catalog.models import Session  # noqa: E402
from config import urls  # noqa: E402
from trellis.reads import paging  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.db import connection  # noqa: E402
from django.db.models import F  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.test import RequestFactory, override_settings  # noqa: E402
from django.urls import path  # noqa: E402
from ninja import NinjaAPI, Schema  # noqa: E402
from rest_framework import generics, renderers, serializers  # noqa: E402

NOW = datetime(2030, 1, 1, tzinfo=UTC)
SHOWN = selectors.SHOWN = 100
FIELDS = ("public_id", "starts_at", "minutes", "room", "price_cents", "capacity", "seats_left")


def rows() -> "django.db.models.QuerySet[Session]":
    sessions = Session.objects.select_related("workshop").filter(starts_at__gt=NOW)
    return sessions.order_by("starts_at", "id")[:SHOWN]


# The contenders. All answer with the same fields of the same rows.


def plain(request):  # noqa: ANN001, ANN201
    """Django and orjson, by hand."""
    listed = [
        {
            "title": row.workshop.title,
            "summary": row.workshop.summary,
            **{name: getattr(row, name) for name in FIELDS},
        }
        for row in rows()
    ]
    return HttpResponse(orjson.dumps({"items": listed}), content_type="application/json")


def plain_values(request):  # noqa: ANN001, ANN201
    """The same without model instances."""
    listed = rows().values(*FIELDS, title=F("workshop__title"), summary=F("workshop__summary"))
    return HttpResponse(orjson.dumps({"items": list(listed)}), content_type="application/json")


class SessionNinja(Schema):
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
    def resolve_title(row) -> str:  # noqa: ANN001
        return row.workshop.title

    @staticmethod
    def resolve_summary(row) -> str:  # noqa: ANN001
        return row.workshop.summary


stock = NinjaAPI(urls_namespace="stock")


@stock.get("", response=list[SessionNinja])
def list_stock(request):  # noqa: ANN001, ANN201
    """django-ninja as it comes, over rows."""
    return list(rows())


class SessionDRF(serializers.ModelSerializer):
    title = serializers.CharField(source="workshop.title")
    summary = serializers.CharField(source="workshop.summary")

    class Meta:
        model = Session
        fields = ("title", "summary", *FIELDS)


class ListDRF(generics.ListAPIView):
    """Django REST framework, a ListAPIView."""

    serializer_class = SessionDRF
    renderer_classes = (renderers.JSONRenderer,)
    authentication_classes = ()
    permission_classes = ()
    pagination_class = None

    def get_queryset(self):  # noqa: ANN201
        return rows()


urls.urlpatterns += [
    path("bench/plain", plain),
    path("bench/values", plain_values),
    path("bench/stock/", stock.urls),
    path("bench/drf", ListDRF.as_view()),
]
whole = WSGIHandler()
with override_settings(MIDDLEWARE=[]):  # which costs all contenders the same
    bare = WSGIHandler()


def get(address: str, handler: WSGIHandler = whole) -> bytes:
    """Answer one request as the web server has it answered."""
    request = RequestFactory().get(address, secure=True)
    status: list[str] = []
    body = b"".join(handler(request.environ, lambda line, headers: status.append(line)))
    assert status[0].startswith("200"), (status, body[:300])
    return body


def fill(count: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(
            "INSERT INTO catalog_workshop (title, title_key, summary) SELECT 'Workshop ' || n,"
            " 'workshop ' || n, 'What you will learn there.' FROM generate_series(1, 100) n"
        )
        cursor.execute(
            "INSERT INTO catalog_session (public_id, workshop_id, starts_at, minutes, room,"
            " price_cents, capacity, seats_left) SELECT gen_random_uuid(), 1 + n %% 100,"
            " timestamptz '2030-01-01' + n * interval '20 seconds', 120, 'Loft', 0, 8, 8"
            " FROM generate_series(1, %s) n",
            [count],
        )
        cursor.execute("VACUUM ANALYZE catalog_session")
        cursor.execute("ANALYZE catalog_workshop")


def small_copy(count: int) -> None:
    """The same tables with fewer rows, in a schema that can be put in front of the other."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA small")
        for table, where in (
            ("catalog_workshop", "true"),
            ("catalog_session", f"id <= {int(count)}"),
        ):
            cursor.execute(f"CREATE TABLE small.{table} (LIKE public.{table} INCLUDING ALL)")
            cursor.execute(f"INSERT INTO small.{table} SELECT * FROM public.{table} WHERE {where}")
            cursor.execute(f"ANALYZE small.{table}")


def look_at(schema: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET search_path = {schema}")


def in_turn(
    ways: dict[str, Callable[[], object]],
    *,
    clock: Callable[[], float],
    of: Callable[[list[float]], float],
    rounds: int,
    each: int,
) -> dict[str, float]:
    """Run the ways in turn, `each` times a round; return the median over rounds of `of` a round."""
    figures: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):  # the first only warms up
        for name, way in ways.items():
            taken = []
            for _ in range(each):
                begun = clock()
                way()
                taken.append(clock() - begun)
            if number:
                figures[name].append(of(taken))
    return {name: statistics.median(measured) for name, measured in figures.items()}


def p95(taken: list[float]) -> float:
    return sorted(taken)[round(0.95 * (len(taken) - 1))]


def show(title: str, figures: dict[str, float]) -> dict[str, float]:
    base = next(iter(figures.values()))
    print(f"\n{title}")
    for name, seconds in figures.items():
        print(f"  {name:34} {1000 * seconds:7.2f} ms   ratio {seconds / base:.2f}")
    return {name: seconds / base for name, seconds in figures.items()}


def depth() -> dict[str, float]:
    """The selector alone, first page and deepest. (Each is one query and 100 rows of work.)"""
    near_the_end = Session.objects.order_by("-starts_at")[SHOWN + 10].starts_at
    cursor = paging.page(
        Session.objects.filter(starts_at__gt=near_the_end),
        order=("starts_at", "id"),
        size=5,
        cursor="",
        into=lambda row: row.pk,
    ).next_cursor
    middle = len(selectors.upcoming_sessions(at=NOW, cursor=cursor).items)
    assert middle == SHOWN, middle
    ways = {
        "first page": lambda: selectors.upcoming_sessions(at=NOW),
        "deepest page": lambda: selectors.upcoming_sessions(at=NOW, cursor=cursor),
    }
    return show("Depth", in_turn(ways, clock=time.perf_counter, of=p95, rounds=20, each=40))


def growth(count: int) -> dict[str, float]:
    figures: dict[str, list[float]] = {"1,000 rows": [], f"{count:,} rows": []}
    for number in range(21):
        for name, schema in zip(figures, ("small, public", "public"), strict=True):
            look_at(schema)
            taken = []
            for _ in range(40):
                begun = time.perf_counter()
                get("/api/sessions")
                taken.append(time.perf_counter() - begun)
            if number:
                figures[name].append(p95(taken))
    look_at("public")
    return show("p95 of GET /api/sessions", {n: statistics.median(f) for n, f in figures.items()})


def beside() -> dict[str, float]:
    ways: dict[str, Callable[[], object]] = {
        "plain Django, orjson": lambda: get("/bench/plain", bare),
        "this project": lambda: get("/api/sessions", bare),
        "plain Django, values(), orjson": lambda: get("/bench/values", bare),
        "django-ninja as it comes": lambda: get("/bench/stock/", bare),
        "Django REST framework": lambda: get("/bench/drf", bare),
    }
    figures = in_turn(ways, clock=time.process_time, of=statistics.mean, rounds=15, each=30)
    return show("CPU time of a request, 100 rows, without middleware", figures)


def main(count: int) -> None:
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        begun = time.monotonic()
        fill(count)
        small_copy(1000)
        print(f"{count:,} sessions made in {time.monotonic() - begun:.0f} s")
        deep, grown, cost = depth(), growth(count), beside()
    finally:
        connection.creation.destroy_test_db("postgres", verbosity=0)
    asked = {
        "the deepest page costs at most 1.5 times the first": deep["deepest page"] <= 1.5,
        "p95 grows at most 1.5 times": list(grown.values())[-1] <= 1.5,
        "at most 1.3 times plain Django": cost["this project"] <= 1.3,
        "at most 0.55 times Django REST framework": cost["this project"]
        <= 0.55 * cost["Django REST framework"],
    }
    print()
    for what, held in asked.items():
        print(f"  {'ok  ' if held else 'FAIL'}  {what}")
    if not all(asked.values()):
        sys.exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]))
