"""Health checks of a web process: `/health/live` and `/health/ready`."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare

from trellis import probes

logger = logging.getLogger(__name__)


class HealthMiddleware:
    """Answer the two health checks before any other middleware.

    Health checks arrive over plain HTTP and address the host by its IP address: the middleware
    after this one would reject them (ALLOWED_HOSTS) or redirect them to HTTPS.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        authorization = request.META.get("HTTP_AUTHORIZATION", "")
        return answer(request.path_info, authorization) or self.get_response(request)


def answer(path: str, authorization: str) -> HttpResponse | None:
    """Return the answer to a health check; None where `path` is something else."""
    match path:
        case "/health/live":
            return live()
        case "/health/ready":
            token = settings.HEALTH_TOKEN
            return ready(details=bool(token) and _is_bearer(authorization, token))
        case _:
            return None


def live() -> HttpResponse:
    """Answer 200: the process runs. Uses no database, cache, broker or file."""
    return JsonResponse({"status": "ok"})


def ready(*, details: bool) -> HttpResponse:
    """Answer 200 if the database works, else 503, within `probes.SECONDS`.

    A web process works without a cache and a broker, and late tasks are no reason to take it out
    of service: `details` shows them. They hold addresses, so they are not for everybody.
    """
    asked = [probes.database]
    if details:
        asked += [probes.cache, probes.broker, probes.schedule]
    with ThreadPoolExecutor(len(asked)) as pool:
        answers = dict(zip(asked, pool.map(probes.answer, asked), strict=True))
    ok = answers[probes.database].ok
    if not ok:
        logger.warning("Not ready: %s", answers[probes.database].text)
    content: dict[str, object] = {"status": "ok" if ok else "unavailable"}
    if details:
        content["dependencies"] = {
            probe.name: {"ok": found.ok, "found": found.text} for probe, found in answers.items()
        }
    return JsonResponse(content, status=200 if ok else 503)


def _is_bearer(authorization: str, token: str) -> bool:
    scheme, _, given = authorization.partition(" ")
    return scheme.lower() == "bearer" and constant_time_compare(given.strip(), token)
