"""What a process of the web server does besides answering requests (config/gunicorn.py)."""

import functools
import socketserver
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from django.db import OperationalError
from django.db.backends.signals import connection_created

from trellis.web import health


class Server(socketserver.ThreadingTCPServer):
    """Listens beside the other processes of the web server: any of them answers."""

    daemon_threads = True
    allow_reuse_address = True
    allow_reuse_port = True
    request_queue_size = 64


class Handler(BaseHTTPRequestHandler):
    """Answers health checks, and nothing else."""

    timeout = 5  # seconds that a silent client may hold a thread

    def do_GET(self) -> None:
        found = health.answer(urlsplit(self.path).path, self.headers.get("Authorization", ""))
        if found is None:
            self.send_error(404)
            return
        self.send_response(found.status_code)
        self.send_header("Content-Type", found["Content-Type"])
        self.send_header("Content-Length", str(len(found.content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(found.content)

    do_HEAD = do_GET  # noqa: N815  # the name that http.server looks for

    def log_message(self, *args: Any) -> None:
        pass


def answer_health_checks(*, port: int) -> Server:
    """Answer health checks on a port of their own, however busy the threads for requests are."""
    server = Server(("", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def limit_queries(*, seconds: float) -> None:
    """Let a query fail after `seconds` if PostgreSQL hangs, so that its thread is free again.

    A server that hangs does not obey its own `statement_timeout`, which must be shorter. And its
    host still answers TCP's own probes, so that nothing else would end the wait.
    """
    connection_created.connect(
        functools.partial(_limit, seconds=seconds), weak=False, dispatch_uid="limit_queries"
    )


def _limit(connection: Any, seconds: float, **kwargs: Any) -> None:
    if connection.vendor != "postgresql":
        return
    link = connection.connection
    wait = link.wait

    @functools.wraps(wait)
    def limited(generator: Any, *args: Any, **options: Any) -> Any:
        try:
            return wait(generator, *args, **{"timeout": seconds} | options)
        except connection.Database.errors._WaitTimeout:
            link.pgconn.finish()  # in the middle of an answer, it is of no use any more
            raise OperationalError(f"PostgreSQL gave no answer in {seconds} s") from None

    link.wait = limited
