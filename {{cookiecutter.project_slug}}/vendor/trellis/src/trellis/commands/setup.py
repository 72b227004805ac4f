"""`python -m trellis.commands.setup`: `.env` with secrets of its own, the database, and demo data.

Each step leaves alone what is there. All in one process, for Django takes a second to start.
"""

import os
import secrets
import sys
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError, connection

PLACEHOLDER = "change-me"
COMMANDS = (
    ("migrate", "--verbosity", "0"),
    ("createcachetable", "--verbosity", "0"),
    ("demo_users",),
    ("demo_data",),  # example
)


def make_env_file(*, root: Path) -> bool:
    """Write `root/.env` unless it is there. Each `change-me` becomes a fresh random secret.

    Returns whether it wrote one. An existing file is never touched.
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


def prepare_database() -> None:
    """Run the commands above. Leaves with one line over a wrong setting or no database."""
    try:
        connection.ensure_connection()
    except ImproperlyConfigured as error:
        sys.exit(str(error))
    except OperationalError as error:
        sys.exit(f"The database that DATABASE_URL names does not answer: {error}")
    for command in COMMANDS:
        execute_from_command_line(["manage.py", *command])


def main(*, root: Path) -> int:
    """Do all of it; return the exit status."""
    if make_env_file(root=root):
        print("Wrote .env with fresh secrets.", flush=True)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    prepare_database()
    return 0
