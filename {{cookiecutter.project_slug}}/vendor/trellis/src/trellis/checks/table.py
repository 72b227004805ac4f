"""What the layers must not import: one table, and what to do instead."""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from trellis.checks.layers import GROUPS

EVERYWHERE = (*GROUPS, "")  # also in apps.py, and in a module that has no home
BELOW_DOORS = ("services", "clients", "selectors", "caches", "models", "types")
# Functions of these doors ask selectors. Not so those of the admin, forms, feeds, sitemaps and
# authentication backends: Django expects querysets of them. Guards watch what they really ask.
ASKING = (
    *("urls", "views", "api", "management", "templatetags", "tasks"),
    *("middleware", "context_processors", "consumers", "signals"),
)
NETWORK = (
    *("requests", "httpx", "aiohttp", "urllib3", "urllib.request", "http.client", "grpc"),
    *("smtplib", "ftplib", "paramiko", "websockets", "boto3", "botocore", "stripe"),
    *("twilio", "sendgrid", "slack_sdk", "openai", "anthropic", "ldap3"),
    *("google.cloud", "googleapiclient", "azure", "kafka", "pika", "pymongo"),
    *("socket.socket", "socket.create_connection", "django.core.mail"),
)
_NO_REQUEST = (
    f"requests.{name}" for name in ("utils", "codes", "status_codes", "PreparedRequest", "Request")
)
# Views that create, change or delete rows by themselves.
EDITING_VIEWS = (
    *(
        f"django.views.generic.{module}{name}View"
        for module in ("", "edit.")
        for name in ("Create", "Update", "Delete")
    ),
    *(
        f"rest_framework.generics.{name}APIView"
        for name in (
            *("Create", "ListCreate", "Update", "RetrieveUpdate", "Destroy", "RetrieveDestroy"),
            "RetrieveUpdateDestroy",
        )
    ),
    *(f"rest_framework.mixins.{name}ModelMixin" for name in ("Create", "Update", "Destroy")),
    "rest_framework.viewsets.ModelViewSet",
)
OWN_MODELS = "the app's own models"


class Row(NamedTuple):
    """What some layers must not import, and what to do instead."""

    rule: str
    who: tuple[str, ...]  # layers, or groups of layers
    what: tuple[str, ...]  # dotted names; what stands below them is meant as well
    cure: str
    except_in: tuple[str, ...] = ()  # layers
    but_not: tuple[str, ...] = ()  # dotted names
    errors: bool = True  # False: names of errors are free, for `except` and `autoretry_for`
    in_functions: bool = False  # True: a use in a function counts, a name in a class body does not


TABLE = (
    Row(
        "doors_use_no_models",
        who=(*ASKING, "admin", "backends"),
        what=("django.db.transaction",),
        cure="Move the whole transaction into one function of apps/{app}/services.py.",
    ),
    Row(
        "doors_use_no_models",
        who=ASKING,
        what=("django.db", OWN_MODELS, "django.contrib.auth.models"),
        but_not=(
            *("django.db.models.Model", "django.db.models.QuerySet"),  # for isinstance
            *(
                "django.db.close_old_connections",
                "django.db.reset_queries",
                "django.db.connections",
            ),
            *(f"django.db.connection.{name}" for name in ("close", "ensure_connection", "vendor")),
            *("django.db.DEFAULT_DB_ALIAS", "django.contrib.auth.models.AnonymousUser"),
        ),
        errors=False,
        in_functions=True,
        cure="Move reads to apps/{app}/selectors.py and writes to apps/{app}/services.py.",
    ),
    Row(
        "no_editing_views",
        who=("urls", "doors"),
        what=EDITING_VIEWS,
        cure="Use a FormView, a GenericViewSet or a plain view that calls apps/{app}/services.py.",
    ),
    Row(
        "http_stays_in_doors",
        who=BELOW_DOORS,
        what=(
            *("django.http", "django.shortcuts", "django.views", "django.template.response"),
            *("django.contrib.messages", "ninja", "rest_framework", "trellis.web"),
        ),
        but_not=(
            *("django.http.QueryDict", "django.views.decorators.debug"),
            "rest_framework.authtoken.models",
        ),
        cure="Raise one of trellis.errors or return plain data; the door makes the response.",
    ),
    Row(
        "network_stays_in_clients",
        who=EVERYWHERE,
        except_in=("clients",),
        what=NETWORK,
        but_not=("django.core.mail.backends", "urllib3.util", "httpx.codes", *_NO_REQUEST),
        errors=False,
        cure="Move the call to apps/{app}/clients.py, and let a service call that.",
    ),
    Row(
        "cache_stays_in_caches",
        who=EVERYWHERE,
        except_in=("caches",),
        what=("django.core.cache", "django.views.decorators.cache.cache_page", "diskcache"),
        cure="Declare what is cached with @cached_read in apps/{app}/caches.py.",
    ),
    Row(
        "cache_stays_in_caches",
        who=EVERYWHERE,
        except_in=("caches", "clients"),
        what=("redis", "django_redis", "pymemcache"),
        errors=False,
        cure="Caches belong in apps/{app}/caches.py, other uses of the server in its clients.py.",
    ),
    Row(
        "no_signals_of_our_own",
        who=EVERYWHERE,
        what=(
            *("django.dispatch.Signal", "django.dispatch.dispatcher.Signal", "blinker"),
            "django_lifecycle",
        ),
        cure="Let the service call what has to happen next.",
    ),
    Row(
        "one_task_queue",
        who=EVERYWHERE,
        what=(
            *("django.tasks", "huey", "rq", "django_rq", "dramatiq", "django_q", "apscheduler"),
            *("threading.Thread", "threading.Timer", "multiprocessing.Process"),
            *("multiprocessing.Pool", "multiprocessing.pool"),
        ),
        cure="Write a @shared_task in apps/{app}/tasks.py.",
    ),
    Row(
        "one_task_queue",
        who=EVERYWHERE,
        except_in=("clients", "management"),  # they may do several things at once and wait for all
        what=("concurrent.futures.ThreadPoolExecutor", "concurrent.futures.ProcessPoolExecutor"),
        cure="Write a @shared_task in apps/{app}/tasks.py; only clients ask servers in parallel.",
    ),
    Row(
        "one_task_queue",
        who=EVERYWHERE,
        what=("celery.Celery",),
        cure="The Celery application is the one in config/celery.py; a task is a @shared_task.",
    ),
    Row(
        "layers_point_down",
        who=EVERYWHERE,
        what=("config",),
        cure="Settings are in django.conf.settings, and a task is a celery.shared_task.",
    ),
)
# Doors that no other door imports; only the admin shows views among its own pages.
DOORS_APART = {"views", "api", "admin", "management"}
# What config/ imports of an app.
CONFIG_MAY_IMPORT = ("urls", "routing", "api", "sitemaps", "feeds")

# What to do about an import of a layer above, by that layer or its group.
CURE_OF_ABOVE = {
    "signals": "Call what the receivers do.",
    "urls": "Use django.urls.reverse with the name of the address.",
    "doors": "Move what both need into a service or a selector.",
    "forms": "Move what both need into a service or a selector.",
    "services": "Let the service call {layer} and pass in what it needs.",
    "clients": "Let a service call the client and pass in the answer.",
    "selectors": "Let the caller ask the selector and pass in the answer.",
    "caches": "Let a selector read the cache and pass in the value.",
    "models": "Let a selector turn the row into plain data.",
}
# What to do about an import of another app's inside, by its layer or group.
CURE_OF_INSIDE = {
    "models": "Read through apps/{other}/selectors.py, write through apps/{other}/services.py.",
    "caches": "Read through apps/{other}/selectors.py.",
    "tasks": "Call a function of apps/{other}/services.py that publishes it.",
    "clients": "Call a function of apps/{other}/services.py that uses it.",
}
CURE_OF_OTHER_INSIDES = "Move what both need into the services, selectors or types of {other}."


@lru_cache
def rows_of(*, layer: str, group: str) -> dict[str, list[Row]]:
    """Return the rows for a layer by the dotted names that they forbid."""
    rows: dict[str, list[Row]] = {}
    for row in TABLE:
        if {layer, group} & {*row.who} and layer not in row.except_in:
            for name in row.what:
                rows.setdefault(name, []).append(row)
    return rows


def is_network(dotted: str) -> bool:
    """Whether a call of a dotted name uses the network. That of an SDK makes a client only."""
    return not is_error(dotted) and any(name in _AT_ONCE for name in prefixes(dotted))


_AT_ONCE = frozenset(NETWORK) - {"boto3", "botocore", "google.cloud", "googleapiclient", "azure"}


def is_error(dotted: str) -> bool:
    return ".exceptions." in dotted or dotted.endswith(("Error", "Exception", "Timeout"))


def prefixes(dotted: str) -> Iterator[str]:
    """Yield "a", "a.b" and "a.b.c" for "a.b.c"."""
    end = dotted.find(".")
    while end > 0:
        yield dotted[:end]
        end = dotted.find(".", end + 1)
    yield dotted
