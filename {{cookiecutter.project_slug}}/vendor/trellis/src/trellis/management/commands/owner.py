"""`manage.py owner WHAT`: the owner of a file, an app, a task or an address of the site."""

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
    requires_system_checks = []  # it must work while a check fails
    help = "Show who owns a file of the project, an app, a task or an address of the site."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "what", help="apps/accounts/services.py, accounts, the name of a task, /accounts/login/"
        )

    def handle(self, *args: object, **options: str) -> None:
        try:
            owner = ownership.owner_of(app=app_of(options["what"]), root=settings.BASE_DIR)
        except ownership.Malformed as error:
            raise CommandError(str(error)) from None
        details = {
            "app": owner.app or "none: the first team of teams.toml owns what belongs to no app",
            "team": owner.team,
            "contact": owner.contact,
            "escalation": owner.escalation,
            "runbook": owner.runbook,
        }
        for name, value in details.items():
            if value:
                self.stdout.write(f"{name:<12}{value}")


def app_of(what: str) -> str:
    """Return the app of a task, an app's name, a path or an address; "" if it belongs to none.

    Raises `CommandError` if `what` is none of these.
    """
    current_app.autodiscover_tasks(force=True)
    if what in current_app.tasks:
        return _app_of_module(current_app.tasks[what].run.__module__)
    if what.isidentifier() and _app_of_module(f"apps.{what}"):
        return what
    root, path = settings.BASE_DIR.resolve(), (settings.BASE_DIR / what).resolve()
    if path.is_relative_to(root) and path.exists():
        return _app_of_module(".".join(path.relative_to(root).parts))
    address = re.sub(r"^https?://[^/]*|[?#].*$", "", what)
    for candidate in (address, f"{address}/") if address.startswith("/") else ():
        try:
            match = resolve(candidate)
        except Resolver404:
            continue
        # A view of Django's own belongs to the app in whose urls.py it is.
        return _app_of_module(_module_of(match.func)) or _app_of_module(
            ".".join(["apps", *match.app_names])
        )
    raise CommandError(
        f"{what!r} is no file here, no task and no address. Give a path of the project, the name of"
        " a task (`make tasks` lists them) or the path of a URL, such as /accounts/login/."
    )


def _module_of(view: Callable[..., Any]) -> str:
    """Return the module in which a view is written: a function, a class, an admin or an API's."""
    if admin := getattr(view, "model_admin", None):
        return type(admin).__module__
    if view_class := getattr(view, "view_class", None):
        return str(view_class.__module__)
    # django-ninja answers by a function around an object that holds the operations.
    enclosed = inspect.getclosurevars(view).nonlocals if inspect.isfunction(view) else {}
    if operations := getattr(enclosed.get("self"), "operations", None):
        return str(operations[0].view_func.__module__)
    return view.__module__


def _app_of_module(module: str) -> str:
    parts = module.split(".")
    is_app = parts[0] == "apps" and len(parts) > 1
    return parts[1] if is_app and (settings.BASE_DIR / "apps" / parts[1]).is_dir() else ""
