"""What a probe asks of a web process: whether it runs, and whether it can do its work."""

import logging
from collections.abc import Callable

from celery import current_app
from django.db import Error as DatabaseTrouble
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from trellis.tasks import catalogue

logger = logging.getLogger(__name__)

STARTED_AT = timezone.now()


class HealthMiddleware:
    """Answer `/health/live` and `/health/ready` before anything else looks at the request.

    Probes come from inside, over plain HTTP, to an address instead of a name: what follows would
    refuse them (ALLOWED_HOSTS) or send them to HTTPS.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        match request.path_info:
            case "/health/live":
                return live()
            case "/health/ready":
                return ready()
            case _:
                return self.get_response(request)


def live() -> HttpResponse:
    """Answer that the process runs."""
    return JsonResponse({"status": "ok"})


def ready() -> HttpResponse:
    """Answer whether the process can do its work: 200 with a database, 503 without.

    Scheduled tasks that are late are named beside a 200: a web process can do its own work
    without them, and taking it out of service would make a late task a site that is down.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        late = catalogue.late_tasks(app=current_app, at=timezone.now(), since=STARTED_AT)
    except DatabaseTrouble as error:
        logger.warning("The database does not answer: %s", error)  # its address is not for everyone
        return JsonResponse({"status": "unavailable"}, status=503)
    return JsonResponse({"status": "ok", "late_tasks": late})
