"""`trellis setup`: write `.env` with fresh secrets, and prepare the database.

Every step keeps what exists, so it can be repeated.
"""

import secrets
import sys
from pathlib import Path

import django
from django.apps import apps
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command, get_commands
from django.db import connection

from trellis import env

PLACEHOLDER = "change-me"
BROKER_TIMEOUT = 5  # seconds


class NotReady(Exception):
    """A setting is wrong, or a server is not reachable; the message is one line."""


def main(*, root: Path) -> int:
    """Run all steps; return the exit status."""
    try:
        if make_env_file(root=root):
            print("Wrote .env with fresh secrets.", flush=True)
        env.use_settings("config.settings")
        load_settings()
        prepare_database()
        check_servers()
    except NotReady as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def make_env_file(*, root: Path) -> bool:
    """Write `root/.env` unless it exists; return whether it was written.

    It is a copy of `.env.example`, with a random secret for each `change-me` outside of comments.
    """
    target = root / ".env"
    if target.exists():
        return False
    lines = (root / ".env.example").read_text(encoding="utf-8").splitlines(keepends=True)
    filled = (
        line if line.startswith("#") else line.replace(PLACEHOLDER, secrets.token_urlsafe(50))
        for line in lines
    )
    target.touch(mode=0o600)  # before the secrets are in it
    target.write_text("".join(filled), encoding="utf-8")
    return True


def load_settings() -> None:
    """Set Django up. Raises `NotReady` for a wrong setting."""
    try:
        django.setup()
    except ImproperlyConfigured as error:
        raise NotReady(str(error)) from None


def prepare_database() -> None:
    """Migrate, make the cache's table, and load the demo data. Raises `NotReady`."""
    try:
        connection.ensure_connection()
    except ImproperlyConfigured as error:
        raise NotReady(str(error)) from None
    except Exception as error:  # each database has error classes of its own
        raise NotReady(f"The database of DATABASE_URL cannot be used: {_line(error)}") from None
    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    for name in demo_commands():
        call_command(name)


def demo_commands() -> list[str]:
    """Return the project's own commands called `demo_*`, in the order of INSTALLED_APPS."""
    order = [config.name for config in apps.get_app_configs() if config.name.startswith("apps.")]
    found = [(app, name) for name, app in get_commands().items() if name.startswith("demo_")]
    return [name for app in order for owner, name in sorted(found) if owner == app]


def check_servers() -> None:
    """Connect to the cache and to the broker. Raises `NotReady`."""
    from celery import current_app  # the project's application, which its settings have made

    try:
        cache.get("trellis.setup")
    except Exception as error:  # each cache has error classes of its own
        raise NotReady(f"The cache of CACHE_URL cannot be used: {_line(error)}") from None
    try:
        with current_app.connection_for_write(connect_timeout=BROKER_TIMEOUT) as broker:
            broker.ensure_connection(max_retries=1, timeout=BROKER_TIMEOUT)
            broker.default_channel.close()
    except Exception as error:  # each transport has error classes of its own
        raise NotReady(f"The broker of CELERY_BROKER_URL cannot be used: {_line(error)}") from None


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
