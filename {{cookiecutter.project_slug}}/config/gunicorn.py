"""How gunicorn serves the project in production (see the Dockerfile and docs/deploy.md).

PORT and WEB_CONCURRENCY, the number of processes, are variables that gunicorn reads itself.
"""

from typing import Any

from config.environment import env

HEALTH_PORT = env.number("HEALTH_PORT", default=8001)  # also in deploy/nginx.conf
env.check()

threads = 8  # each has a connection to the database of its own
timeout = 30  # seconds without a sign of life, after which a process is replaced
graceful_timeout = 25  # seconds in which a stop lets requests finish
max_requests, max_requests_jitter = 20_000, 2_000  # a process is replaced then: ends a slow leak
worker_tmp_dir = "/dev/shm"  # noqa: S108  # signs of life; the root may be read-only
control_socket_disable = True
errorlog = "-"

# What a request may be made of. The proxy in front has limits of its own.
limit_request_line = 4094  # bytes
limit_request_fields = 60
limit_request_field_size = 8190  # bytes
# Django alone decides which headers of a proxy count (PROXY_COUNT). Headers with an underscore,
# such as X_Forwarded_For, are dropped: WSGI gives them the names of those with a hyphen.
secure_scheme_headers: dict[str, str] = {}
forwarded_allow_ips = ""
header_map = "drop"


def pre_request(worker: Any, request: Any) -> None:
    """Give up a client, in practice a proxy, that stops in the middle of a request or answer."""
    request.unreader.sock.settimeout(10)  # seconds


def post_worker_init(worker: Any) -> None:
    """Let health checks be answered, and requests end, while PostgreSQL hangs."""
    from trellis.web import server  # not before Django is set up

    server.answer_health_checks(port=HEALTH_PORT)
    server.limit_queries(seconds=35)  # longer than the statement_timeout of the settings
