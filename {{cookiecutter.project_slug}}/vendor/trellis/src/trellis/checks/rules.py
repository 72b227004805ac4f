"""Every rule of the check: what it asks, what it cannot see, and which mechanism judges it.

`trellis rules`, `trellis explain` and docs/rules.md are made of this table. A rule stands in one
mechanism only:

layout        reads files and syntax; standard library only (`trellis check`)
declarations  looks at the project that Django has loaded (`manage.py check`)
guards        watches the queries and calls of a running project (tests and `runserver`)
proofs        are assertions of the project's own tests
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple

from trellis.checks.runtime_rules import DECLARATIONS, GUARDS, PROOFS

MECHANISMS = ("layout", "declarations", "guards", "proofs")


class Finding(NamedTuple):
    """One place that breaks a rule."""

    path: str  # from the project's root, with "/" on every system
    line: int  # from 1; 1 also for what is about a whole file or folder
    rule: str
    message: str  # what is wrong. What to do.

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.message}"


class Rule(NamedTuple):
    """What a rule asks for, in one sentence each."""

    name: str
    mechanism: str
    asks: str
    cannot_see: str


FILES = (
    (
        "app_has_an_owner",
        "Every app has an OWNERS.toml with its team, purpose and runbook.",
        "Whether the purpose is true.",
    ),
    (
        "owner_is_a_known_team",
        "The team that owns an app is listed in teams.toml.",
        "Whether anybody is left in that team.",
    ),
    (
        "runbook_exists",
        "The runbook that an app names is a file.",
        "Whether it helps.",
    ),
    (
        "codeowners_are_current",
        ".github/CODEOWNERS is what `make owners` writes.",
        "Whether GitHub knows the names in it.",
    ),
    (
        "file_is_readable",
        "Every Python file of an app is an ordinary file, UTF-8 and valid Python.",
        "Tests and migrations, which the layout check does not read.",
    ),
    (
        "module_has_a_home",
        "An app holds layers and Django's ordinary modules, each as a module or a package; its"
        " __init__.py is empty, and no module is named utils, helpers, common, core, misc or lib.",
        "Whether the code in a module belongs there.",
    ),
    (
        "folder_is_a_package",
        "A folder of an app that holds Python files has an __init__.py.",
        "Folders outside of apps/, and those below tests/.",
    ),
    (
        "layer_has_tests",
        "A layer with code has a test module of its name in its app, with a test in it.",
        "Whether the test would fail if the code were wrong.",
    ),
)
IMPORTS = (
    (
        "layers_point_down",
        "A layer imports only layers beneath it; no app imports `config`, tests or migrations.",
        "An import by a name that is computed.",
    ),
    (
        "other_apps_by_services",
        "Another app is used through its services, selectors, types, exceptions and constants.",
        "What is done with a row that another app's function returned; apps_write_their_own_tables"
        " sees the writes.",
    ),
    (
        "dependencies_are_declared",
        "An app uses another one only if depends_on in its OWNERS.toml names it.",
        "A URL name or an address of another app in Python code.",
    ),
    (
        "dependencies_have_no_cycle",
        "No app depends on itself through others.",
        "A cycle that is closed by data or by the queue.",
    ),
    (
        "doors_use_no_models",
        "Functions of views, APIs, commands, template tags and tasks use neither models nor"
        " django.db; the body of a class may name a model.",
        "A query through an object that a door was given; doors_do_not_query sees it when it runs.",
    ),
    (
        "http_stays_in_doors",
        "Requests, responses and HTTP errors are used in doors and forms only.",
        "A function that takes a request without naming its type.",
    ),
    (
        "network_stays_in_clients",
        "Libraries that talk to the network, and Django's mail, are used in clients only.",
        "A network library that is not on its list; a method of another library that connects.",
    ),
    (
        "cache_stays_in_caches",
        "Django's cache and Redis are used in caches only, through cached_read.",
        "functools.lru_cache, which is right for a pure function and wrong for a read.",
    ),
    (
        "no_signals_of_our_own",
        "No app defines a signal: a service calls what has to happen next.",
        "Receivers for signals of models; no_receivers_for_own_models sees them.",
    ),
    (
        "one_task_queue",
        "Work for later goes to Celery: no django.tasks, thread, process pool or second Celery.",
        "A subprocess, and a queue that is not on its list.",
    ),
    (
        "config_reaches_doors_only",
        "config/ imports only urls, routing, api, sitemaps and feeds of an app.",
        "Names in strings of settings, which Django itself checks.",
    ),
)
HABITS = (
    (
        "tasks_start_after_commit",
        "A task is published with delay_on_commit, not with delay, apply_async, send_task or a"
        " canvas.",
        "A task that was put into a list or handed to a function;"
        " no_publishing_in_a_transaction sees it when it runs.",
    ),
    (
        "tasks_are_shallow",
        "The body of a task is one call.",
        "Logic in how the arguments of that call are computed.",
    ),
    (
        "no_client_in_a_transaction",
        "No client that talks to the network is called inside transaction.atomic.",
        "A transaction that was opened in another function;"
        " no_network_in_a_transaction sees it when it runs.",
    ),
    (
        "clock_is_an_argument",
        "Services and selectors take the time as an argument.",
        "auto_now and the defaults of a model, and a clock behind a function of your own.",
    ),
    (
        "editing_views_call_services",
        "A view class that creates, updates or deletes rows by itself calls a service instead.",
        "A base class of your own; doors_do_not_write sees the write when it runs.",
    ),
    (
        "templates_link_to_declared_apps",
        "A template of an app links (by the tag `url`) only to apps that its app depends on.",
        "A link whose name is a variable, and templates outside of apps/.",
    ),
)
HOUSEKEEPING = (
    (
        "waivers_are_valid",
        "A waiver names a rule, a place, a reason and an end date at most 180 days away.",
        "Whether the reason is a good one.",
    ),
    (
        "waivers_are_used",
        "A waiver excuses something; otherwise it is deleted.",
        "Waivers for guards, since a run may not reach their lines.",
    ),
    (
        "settings_are_valid",
        "[tool.trellis] in pyproject.toml holds known keys with values that can be used.",
        "Whether a rule should be disabled.",
    ),
)
RULES: dict[str, Rule] = {
    name: Rule(name, mechanism, asks, cannot_see)
    for mechanism, rows in (
        ("layout", FILES + IMPORTS + HABITS + HOUSEKEEPING),
        ("declarations", DECLARATIONS),
        ("guards", GUARDS),
        ("proofs", PROOFS),
    )
    for name, asks, cannot_see in rows
}


def unknown(name: str, *, known: Iterable[str] = RULES) -> str:
    """Return what to say about a name that is no rule, with the one that was probably meant."""
    near = "".join(f" Did you mean {one}?" for one in get_close_matches(name, [*known], 1))
    return f"there is no rule {name!r}.{near}"
