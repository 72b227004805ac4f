"""Health checks of a web process: `/health/live` and `/health/ready`."""

import logging
from collections.abc import Callable

from celery import current_app
from django.db import Error as DatabaseError
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from trellis.tasks import catalogue

logger = logging.getLogger(__name__)

STARTED_AT = timezone.now()


class HealthMiddleware:
    """Answer the two health checks before any other middleware.

    Health checks arrive over plain HTTP and address the host by its IP address: the middleware
    after this one would reject them (ALLOWED_HOSTS) or redirect them to HTTPS.
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
    """Answer 200: the process runs. Uses no database, cache, broker or file."""
    return JsonResponse({"status": "ok"})


def ready() -> HttpResponse:
    """Answer 200 if the database can be reached, else 503.

    Scheduled tasks that are late are listed with a 200: a web process works without them, and
    taking it out of service would turn a late task into a site that is down.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        late = catalogue.late_tasks(app=current_app, at=timezone.now(), since=STARTED_AT)
    except DatabaseError as error:
        # The error holds the database's address, so it goes to the log and not to the client.
        logger.warning("The database cannot be reached: %s", error)
        return JsonResponse({"status": "unavailable"}, status=503)
    return JsonResponse({"status": "ok", "late_tasks": late})
