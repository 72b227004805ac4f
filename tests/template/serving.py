"""A project served as in production: gunicorn, and Debian's nginx in front of it.

The processes that end with a test are those that it started, with their children.
"""

import contextlib
import http.client
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import demo
from tests.template.test_settings import PRODUCTION

GUNICORN = (".venv/bin/gunicorn", "--config", "python:config.gunicorn", "config.wsgi")


@dataclass
class Site:
    """A project that is served: its web server, and the ports to reach it by."""

    project: Path
    environment: dict[str, str]
    direct: int
    health: int
    server: "subprocess.Popen[bytes]"
    log: Path
    proxied: int = 0

    def children(self) -> list[int]:
        """Return the processes that the server's main process has started."""
        path = Path(f"/proc/{self.server.pid}/task/{self.server.pid}/children")
        return [int(pid) for pid in path.read_text().split()] if path.exists() else []


def environment_of(project: Path, **changes: str) -> dict[str, str]:
    """Return a production environment on SQLite, in plain HTTP, with no mail sent."""
    ours = {
        "PATH": os.environ["PATH"],
        "IGNORE_ENV_FILE": "1",
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "DATABASE_URL": f"sqlite:///{project}/var/db.sqlite3",
        "CACHE_URL": "dbcache://django_cache",
        "CELERY_BROKER_URL": "local://",
        "SECURE_SSL_REDIRECT": "false",
        "PROXY_COUNT": "1",
        "LOG_LEVEL": "WARNING",
    }
    return PRODUCTION | ours | changes


@contextlib.contextmanager
def served(project: Path, *, command: tuple[str, ...] = GUNICORN, **changes: str) -> Iterator[Site]:
    """Serve a project that is set up, and put nginx in front of it."""
    direct = demo.free_port()
    health = demo.free_port() if command is GUNICORN else direct
    environment = environment_of(project, **changes)
    environment |= {"PORT": str(direct), "HEALTH_PORT": str(health), "WEB_CONCURRENCY": "2"}
    if not (project / "var/static").exists():
        manage(project, environment, "collectstatic", "--no-input", "-v0")
    log = project / "var" / "server.log"
    with log.open("ab") as output:
        server = subprocess.Popen(
            [word.replace("$PORT", str(direct)) for word in command],
            cwd=project,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    site = Site(project, environment, direct, health, server, log)
    try:
        demo.wait_until(lambda: status(direct, "/health/live") == 200, seconds=60, what="the site")
        with proxied(project, direct=direct, health=health) as site.proxied:
            yield site
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@contextlib.contextmanager
def proxied(
    project: Path, *, direct: int, health: int, tls: tuple[int, Path] | None = None
) -> Iterator[int]:
    """Start nginx with the project's configuration; yield its port.

    `tls`: another port, and the folder of a certificate, for which the lines for TLS are turned on.
    """
    port, folder = demo.free_port(), Path(tempfile.mkdtemp())
    site = (project / "deploy/nginx.conf").read_text()
    site = site.replace("web:8000", f"127.0.0.1:{direct}").replace(
        "web:8001", f"127.0.0.1:{health}"
    )
    site = site.replace("listen 80;", f"listen 127.0.0.1:{port};")
    if tls:
        site = re.sub(r"# (listen 443|ssl_certificate)", r"\1", site)
        site = site.replace("listen 443", f"listen 127.0.0.1:{tls[0]}")
        site = site.replace("/etc/letsencrypt/live/site", str(tls[1]))
        site = site.replace("/etc/letsencrypt", str(tls[1]))
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    scratch = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    (folder / "nginx.conf").write_text(
        f"user root; pid {folder}/pid; error_log {folder}/error.log; daemon off;"
        f"events {{ worker_connections 1024; }} http {{ {scratch} access_log off;\n{site}\n}}"
    )
    if not shutil.which("nginx"):
        message = "nginx is not installed"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    with (folder / "output").open("wb") as output:
        nginx = subprocess.Popen(
            ["nginx", "-p", str(folder), "-e", f"{folder}/error.log", "-c", "nginx.conf"],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        demo.wait_until(lambda: status(port, "/health/live") == 200, seconds=20, what="nginx")
        yield port
    finally:
        nginx.terminate()
        nginx.wait(timeout=20)
        shutil.rmtree(folder)


def status(
    port: int, path: str, *, seconds: float = 5, headers: dict[str, str] | None = None
) -> int:
    """Return the status of a GET; 0 where nobody answers in time."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request("GET", path, headers={"Host": "localhost"} | (headers or {}))
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def sign_in(port: int, email: str, password: str, *, ip: str = "", seconds: float = 60) -> int:
    """Send the form of the sign-in page; return the status, 0 where nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    address = {"X-Forwarded-For": ip} if ip else {}
    try:
        connection.request("GET", "/accounts/login/", headers={"Host": "localhost"} | address)
        page = connection.getresponse()
        token = re.findall(r'csrfmiddlewaretoken" value="(\w+)"', page.read().decode())[0]
        cookie = (page.getheader("Set-Cookie") or "").partition(";")[0]
        connection.request(
            "POST",
            "/accounts/login/",
            f"csrfmiddlewaretoken={token}&username={email}&password={password}",
            {
                "Host": "localhost",
                "Cookie": cookie,
                "Content-Type": "application/x-www-form-urlencoded",
            }
            | address,
        )
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def manage(project: Path, environment: dict[str, str], *arguments: str) -> str:
    """Run a command of Django in that environment."""
    values = [f"{name}={value}" for name, value in environment.items()]
    return demo.run(["env", *values, ".venv/bin/python", "manage.py", *arguments], cwd=project)
