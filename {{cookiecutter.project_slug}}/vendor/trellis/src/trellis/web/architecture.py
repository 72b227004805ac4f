"""What the map of the apps shows: their owners, which ones they use, and what is in them."""

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from celery import current_app
from django.conf import settings
from django.urls import reverse
from django.utils.module_loading import autodiscover_modules

from trellis import ownership
from trellis.caching.cached_read import all_caches
from trellis.reads import rows
from trellis.tasks import catalogue


class Item(NamedTuple):
    """A line in the list of an app: a service, a task, an app that it uses."""

    name: str
    facts: str = ""
    path: str = ""  # from the project's root
    line: int = 1

    @property
    def href(self) -> str:
        """The address of the file; "" in production without SOURCE_URL."""
        address = settings.SOURCE_URL or (reverse("map") + "{path}" if settings.DEBUG else "")
        address = address.replace("{path}", quote(self.path)).replace("{line}", str(self.line))
        return address if self.path else ""


class App(NamedTuple):
    """An app, or with the name "" what belongs to none."""

    name: str
    owners: dict[str, Any]  # of its OWNERS.toml, with the contact of the team
    parts: dict[str, list[Item]]  # services, tasks, the apps that it uses, …


def read(*, hits: Mapping[str, str]) -> list[App]:
    """Return the apps, and last what belongs to none. Raises `Malformed`."""
    root, apps = settings.BASE_DIR, {}
    teams = ownership.read_teams(root / "teams.toml")
    for path in sorted(root.glob("apps/*/__init__.py")):
        owners = ownership.read_owners(path.with_name("OWNERS.toml"))
        owners["contact"] = teams.get(owners["team"], {}).get("contact", "")
        apps[path.parent.name] = App(path.parent.name, owners, {})
    found = [*_files(apps), *_registered(hits)]
    apps[""] = App("", {}, {})
    for place, part, item in found:
        apps.get(ownership.app_of(place), apps[""]).parts.setdefault(part, []).append(item)
    return [*apps.values()]


def _files(apps: Mapping[str, App]) -> Iterator[tuple[str, str, Item]]:
    """Yield (place, part, item) of what stands in files: owners, uses and waivers.

    Production has no `trellis.checks`: there, what an app may use counts as used.
    """
    uses: dict[tuple[str, str], tuple[str, int]] = {}
    waived: list[Any] = []
    if not settings.PRODUCTION:
        from trellis.checks import uses_of_apps, waivers

        uses = uses_of_apps.find()
        waived = waivers.read(settings.BASE_DIR, today=datetime.now(UTC).date()).valid
    for name, app in apps.items():
        file, declared = f"apps/{name}/OWNERS.toml", app.owners.get("depends_on", [])
        for document in (file, app.owners["runbook"]):
            yield file, "documents", Item(document, path=document)
        for other in apps:
            is_used = settings.PRODUCTION or (name, other) in uses
            if name != other and (other in declared or (name, other) in uses):
                facts = "undeclared" if other not in declared else "" if is_used else "unused"
                yield file, "uses", Item(other, facts, *uses.get((name, other), (file, 1)))
    for one in waived:
        for place in one.places:
            facts = f"{place}, until {one.until}: {one.reason}"
            yield place, "waivers", Item(one.rule, facts, "waivers.toml", one.line)


def _registered(hits: Mapping[str, str]) -> Iterator[tuple[str, str, Item]]:
    """Yield (place, part, item) of what the running project has loaded."""
    autodiscover_modules("services", "selectors")
    for module in sorted(name for name in sys.modules if name.startswith("apps.")):
        for name, function in inspect.getmembers(sys.modules[module], inspect.isfunction):
            budget = rows.budgets.get(f"{module}.{name}")
            if budget is not None:
                yield module, "selectors", _item(name, f"queries: {budget}", function)
            elif ".services" in module and function.__module__ == module and name[0] != "_":
                yield module, "services", _item(name, "", function)
    for task in catalogue.tasks_of(current_app):
        queue = task.queue_name or current_app.conf.task_default_queue
        schedule = catalogue.schedule_in_words(task.schedule, timezone=current_app.conf.timezone)
        facts = f"{schedule}, queue {queue}, retries {catalogue.retries_in_words(task)}"
        yield task.__module__, "tasks", _item(task.name, facts, task.run)
    for cache in all_caches().values():
        facts = "; ".join(filter(None, (cache.bottleneck, hits.get(cache.name))))
        yield cache.load.__module__, "caches", _item(cache.name, facts, cache.load)


def _item(name: str, facts: str, function: Callable[..., Any]) -> Item:
    """Return an item that links to a function, if that is in an app."""
    code = inspect.unwrap(function).__code__
    path = code.co_filename.removeprefix(f"{settings.BASE_DIR}/")
    return Item(name, facts, path if path.startswith("apps/") else "", code.co_firstlineno)
