"""`manage.py owner WHAT`: who answers for a file, a task or an address of the site."""

import inspect
import re
from collections.abc import Callable
from typing import Any

from celery import current_app
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import Resolver404, resolve

from trellis import ownership


class Command(BaseCommand):
    requires_system_checks = []  # whoever asks this may be mending just that
    help = "Say who owns a path of the project, a task or an address of the site."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "what", help="apps/accounts/services.py, the name of a task, or /accounts/login/"
        )

    def handle(self, *args: object, **options: str) -> None:
        try:
            owner = ownership.owner_of(app=app_of(options["what"]), root=settings.BASE_DIR)
        except ownership.Malformed as error:
            raise CommandError(str(error)) from None
        rows = {
            "app": owner.app or "none; what no app has belongs to the first team of teams.toml",
            "team": owner.team,
            "contact": owner.contact,
            "escalation": owner.escalation,
            "runbook": owner.runbook,
        }
        for name, value in rows.items():
            if value:
                self.stdout.write(f"{name:<12}{value}")


def app_of(what: str) -> str:
    """Return the app that a task's name, a path or an address belongs to; "" for none.

    Raises `CommandError` for what is none of these.
    """
    current_app.autodiscover_tasks(force=True)
    if what in current_app.tasks:
        return _app_in(current_app.tasks[what].run.__module__)
    if what.isidentifier() and _app_in(f"apps.{what}"):
        return what
    root, path = settings.BASE_DIR.resolve(), (settings.BASE_DIR / what).resolve()
    if path.is_relative_to(root) and path.exists():
        return _app_in(".".join(path.relative_to(root).parts))
    address = re.sub(r"^https?://[^/]*|[?#].*$", "", what)
    for attempt in (address, f"{address}/") if address.startswith("/") else ():
        try:
            match = resolve(attempt)
        except Resolver404:
            continue
        # A view of Django's own belongs to the app whose urls.py leads to it.
        return _app_in(_module_of(match.func)) or _app_in(".".join(["apps", *match.app_names]))
    raise CommandError(
        f"{what!r} is no file here, no task and no address. Give a path of the project, the name of"
        " a task (`make tasks` lists them) or the path of a URL, such as /accounts/login/."
    )


def _module_of(view: Callable[..., Any]) -> str:
    """Where what answers is written, whoever wraps it: class-based views, the admin, the API."""
    if admin := getattr(view, "model_admin", None):
        return type(admin).__module__
    if view_class := getattr(view, "view_class", None):
        return str(view_class.__module__)
    if operations := getattr(_enclosed(view).get("self"), "operations", None):
        return str(operations[0].view_func.__module__)
    return view.__module__


def _enclosed(view: Callable[..., Any]) -> dict[str, Any]:
    return dict(inspect.getclosurevars(view).nonlocals) if inspect.isfunction(view) else {}


def _app_in(module: str) -> str:
    parts = module.split(".")
    is_ours = parts[0] == "apps" and len(parts) > 1
    return parts[1] if is_ours and (settings.BASE_DIR / "apps" / parts[1]).is_dir() else ""
