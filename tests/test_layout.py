"""Each rule of the layout check: named with its place when broken, silent when it is not."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

Edit = Callable[[Path], None]


@dataclass(frozen=True)
class Case:
    """A change to the example, and the place the check must name ("" for none)."""

    rule: str
    path: str
    edit: Edit
    at: str = ""  # a piece of the line that is named; "" for line 1

    def __str__(self) -> str:
        return f"{self.rule}-{self.path}-{self.at}"


def append(text: str) -> Edit:
    def edit(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_text() if path.exists() else ""
        path.write_text(f"{before}\n\n{text}\n" if before else f"{text}\n")

    return edit


def replace(old: str, new: str) -> Edit:
    def edit(path: Path) -> None:
        text = path.read_text()
        assert old in text, f"{path} has changed: {old!r} is not in it"
        path.write_text(text.replace(old, new, 1))

    return edit


def remove(path: Path) -> None:
    path.unlink()


def folder_without_init(path: Path) -> None:
    path.mkdir()
    (path / "rates.py").write_text("RATE = 7\n")


def not_utf_8(path: Path) -> None:
    path.write_bytes(b"# one\n# \xff\n")


VIEWS, TASKS = "apps/bookings/views.py", "apps/bookings/tasks.py"
SERVICES, SELECTORS = "apps/bookings/services.py", "apps/bookings/selectors.py"
MODELS, CACHES, ADMIN = (
    "apps/bookings/models.py",
    "apps/catalog/caches.py",
    "apps/bookings/admin.py",
)
OWNERS = "apps/bookings/OWNERS.toml"
TODAY = date.today()  # noqa: DTZ011  # waivers end on a calendar day

BROKEN = [
    Case("app_has_an_owner", OWNERS, remove),
    Case("app_has_an_owner", OWNERS, replace('purpose = "', 'purpose = "" # "')),
    Case("app_has_an_owner", OWNERS, append("team = ["), at="team = ["),
    Case("app_has_an_owner", OWNERS, replace("production", "done"), at="lifecycle"),
    Case("app_has_an_owner", OWNERS, append('colour = "red"'), at="colour"),
    Case("owner_is_a_known_team", OWNERS, replace('team = "platform"', 'team = "nobody"')),
    Case("owner_is_a_known_team", "teams.toml", append("[lonely]"), at="[lonely]"),
    Case("owner_is_a_known_team", "teams.toml", remove),
    Case("runbook_exists", "docs/runbooks/bookings.md", remove),
    Case("every_module_has_a_home", "apps/bookings/pricing.py", append("PRICE = 1")),
    Case("every_module_has_a_home", "apps/bookings/logic/rules.py", append("RULE = 1")),
    Case("every_module_has_a_home", "apps/bookings/signals.py", append("import math")),
    Case("folders_are_packages", "apps/bookings/selectors_more", folder_without_init),
    Case("folders_are_packages", "apps/bookings/__init__.py", remove),
    Case("folders_are_packages", "apps/bookings/tests/__init__.py", remove),
    Case("module_or_package_never_both", "apps/bookings/services/__init__.py", append("A = 1")),
    Case("module_or_package_never_both", "apps/bookings/models/__init__.py", append("A = 1")),
    Case("layers_have_tests", "apps/bookings/tests/test_services.py", remove),
    Case("layers_have_tests", "apps/catalog/tests/test_management.py", remove),
    Case("layers_have_tests", "apps/accounts/clients.py", append("def call() -> None: ...")),
    Case("layers_point_down", MODELS, append("from apps.bookings import services"), at="services"),
    Case("layers_point_down", SELECTORS, append("from . import tasks"), at="import tasks"),
    Case("layers_point_down", SELECTORS, append("import apps.bookings.services as s"), at="as s"),
    Case(
        "layers_point_down",
        "apps/catalog/models.py",
        append("def f() -> None:\n    from apps.catalog.views import session_list"),
        at="session_list",
    ),
    Case(
        "layers_point_down",
        MODELS,
        append('from importlib import import_module\nm = import_module("apps.bookings.services")'),
        at="m = import_module",
    ),
    Case("dependencies_are_declared", "apps/catalog/services.py", append(
        "from apps.insights import selectors as insights"), at="insights"),
    Case("dependencies_are_declared", "apps/accounts/selectors.py", append(
        "import typing\nif typing.TYPE_CHECKING:\n    from apps.catalog import types as t"),
        at="as t"),
    Case("dependencies_are_declared", "apps/accounts/services.py", append(
        'from django.apps import apps\nB = apps.get_model("bookings.Booking")'), at="get_model"),
    Case("dependencies_are_declared", OWNERS, replace('"catalog"', '"katalog"')),
    Case("other_apps_are_entered_by_the_front_door", SERVICES, append(
        "from apps.catalog.models import Session"), at="import Session"),
    Case("other_apps_are_entered_by_the_front_door", SELECTORS, append(
        "import apps.catalog.caches as c"), at="as c"),
    Case("other_apps_are_entered_by_the_front_door", VIEWS, append(
        "def f() -> None:\n    from apps.catalog import tasks"), at="import tasks"),
    Case("dependencies_have_no_cycle", "apps/catalog/OWNERS.toml", replace(
        "depends_on = []", 'depends_on = ["insights"]')),
    Case("codeowners_are_current", ".github/CODEOWNERS", append("* @me")),
    Case("codeowners_are_current", ".github/CODEOWNERS", remove),
    Case("no_template_leftovers", "README.md", append(
        "{" + "{ cookiecutter.project_slug }" + "}"), at="project_slug }"),
    Case("doors_do_not_query", VIEWS, append(
        "from apps.bookings.models import Booking\nN = Booking.objects.count()"), at="N ="),
    Case("doors_do_not_query", VIEWS, append(
        "import apps.bookings.models as m\nN = m.Booking._default_manager.count()"), at="N ="),
    Case("doors_do_not_query", "apps/bookings/api.py", append(
        "from django.shortcuts import get_object_or_404 as find\nfrom apps.bookings import models\n"
        "ONE = find(models.Booking, pk=1)"), at="ONE ="),
    Case("doors_do_not_query", TASKS, append(
        "def f() -> None:\n    from apps.bookings.models import Booking as B\n    B.objects.all()"),
        at="B.objects"),
    Case("doors_do_not_query", ADMIN, append(
        "def f(self, request):\n    return Booking.objects.all()"), at="Booking.objects"),
    Case("doors_do_not_write", VIEWS, append(
        "def f(request: HttpRequest, booking: object) -> None:\n    booking.save()"), at=".save()"),
    Case("doors_do_not_write", ADMIN, append(
        "def f(booking: Booking) -> None:\n    booking.delete()"), at=".delete()"),
    Case("doors_do_not_write", "apps/catalog/management/commands/demo_data.py", append(
        "from apps.catalog.models import Session as S\nS.objects.filter(pk=1).update(room='x')"),
        at=".update("),
    Case("doors_stay_thin", VIEWS, append(
        "def fat(request: HttpRequest) -> None:\n" + "    x = 1\n" * 13), at="def fat"),
    Case("selectors_only_read", SELECTORS, append(
        "def _f() -> None:\n    Booking.objects.filter(pk=1).update(room='x')"), at=".update("),
    Case("selectors_only_read", SELECTORS, append(
        "def _f(row: Booking) -> None:\n    row.save()"), at=".save()"),
    Case("selectors_only_read", CACHES, append(
        "def _f() -> None:\n    Session.objects.select_for_update().first()"), at="_for_update"),
    Case("selectors_declare_a_budget", SELECTORS, append(
        "def unpriced() -> int:\n    return 1"), at="def unpriced"),
    Case("selectors_declare_a_budget", SELECTORS, append(
        "from functools import cached_property as selector\n@selector\ndef unpriced() -> int: ..."),
        at="def unpriced"),
    Case("services_take_keywords", SERVICES, append(
        "def move(booking_id: int) -> None: ..."), at="def move"),
    Case("services_take_keywords", SERVICES, append(
        "def move(*ids: int) -> None: ..."), at="def move"),
    Case("services_are_typed", SERVICES, append("def move(*, to) -> None: ..."), at="def move"),
    Case("services_are_typed", SERVICES, append("def move(*, to: int): ..."), at="def move"),
    Case("no_http_below_the_doors", SERVICES, append("from django.http import Http404"), at="404"),
    Case("no_http_below_the_doors", TASKS, append("from conventions import http"), at="http"),
    Case("no_http_below_the_doors", SELECTORS, append(
        "def _f() -> None:\n    import ninja.errors"), at="ninja"),
    Case("no_business_signals", MODELS, append(
        "from django.db.models.signals import post_save"), at="post_save"),
    Case("no_business_signals", "apps/bookings/apps.py", append(
        "from django.dispatch import receiver as on"), at="as on"),
    Case("no_business_signals", SERVICES, append(
        "from django.db import models as m\nm.signals.post_save.connect(print)"), at=".connect"),
    Case("no_network_in_a_transaction", SERVICES, append(
        "@transaction.atomic\ndef _f() -> None:\n    clients.mail_confirmation()"),
        at="    clients.mail_confirmation()"),
    Case("no_network_in_a_transaction", SERVICES, append(
        "from django.db.transaction import atomic as a\nimport httpx\n"
        "def _f() -> None:\n    with a():\n        httpx.get('x')"), at="httpx.get"),
    Case("clock_comes_in_as_an_argument", SERVICES, append(
        "from django.utils import timezone as tz\ndef _f() -> None:\n    tz.now()"), at="tz.now"),
    Case("clock_comes_in_as_an_argument", SELECTORS, append(
        "import datetime as d\ndef _f() -> None:\n    d.date.today()"), at="today"),
    Case("clock_comes_in_as_an_argument", SERVICES, append(
        "def _f() -> None:\n    datetime.now()"), at="datetime.now()"),
    Case("tasks_live_in_tasks", SERVICES, append(
        "from celery import shared_task as job\n@job\ndef _f() -> None: ..."), at="def _f"),
    Case("tasks_carry_their_full_name", TASKS, replace(
        'name="bookings.send_confirmation"', 'name="send"'), at="def send_confirmation"),
    Case("tasks_carry_their_full_name", TASKS, append(
        "from celery import shared_task as job\n@job\ndef late() -> None: ..."), at="def late"),
    Case("tasks_are_shallow", TASKS, replace(
        "    services.expire_unpaid_holds(", "    print()\n    services.expire_unpaid_holds("),
        at="def expire_unpaid_holds"),
    Case("tasks_are_shallow", TASKS, replace(
        "    services.expire_unpaid_holds(at=timezone.now())",
        "    if True:\n        services.expire_unpaid_holds(at=timezone.now())"),
        at="def expire_unpaid_holds"),
    Case("tasks_state_their_retries", TASKS, replace("    max_retries=5,\n", ""),
        at="def send_confirmation"),
    Case("tasks_state_their_retries", TASKS, replace("max_retries=5", "max_retries=None"),
        at="def send_confirmation"),
    Case("tasks_state_their_retries", TASKS, replace("(OSError, ", "(Exception, "),
        at="(Exception"),
    Case("tasks_have_time_limits", TASKS, replace("    time_limit=60,\n", ""),
        at="def send_confirmation"),
    Case("tasks_take_plain_values", TASKS, replace("*, booking_id: int", "booking_id: int"),
        at="def send_confirmation"),
    Case("tasks_take_plain_values", TASKS, replace("booking_id: int", 'booking: "Booking"'),
        at="booking:"),
    Case("tasks_take_plain_values", TASKS, replace("booking_id: int", "when: timedelta"),
        at="when:"),
    Case("tasks_start_after_commit", SERVICES, replace(".delay_on_commit(", ".delay("),
        at=".delay("),
    Case("tasks_start_after_commit", VIEWS, append(
        "from apps.bookings.tasks import send_confirmation as s\ns.apply_async(kwargs={})"),
        at="apply_async"),
    Case("tasks_start_after_commit", SERVICES, append(
        'from celery import current_app\ncurrent_app.send_task("x")'), at="send_task"),
    Case("schedules_expire", TASKS, replace("    expires=60,\n", ""),
        at="def expire_unpaid_holds"),
    Case("caches_are_declared", SERVICES, append(
        "from django.core import cache as c"), at="as c"),
    Case("caches_are_declared", SELECTORS, append("from functools import lru_cache"), at="lru"),
    Case("caches_are_declared", VIEWS, append(
        "from django.views.decorators.cache import cache_page"), at="cache_page"),
    Case("caches_state_their_bottleneck", CACHES, replace(
        '    bottleneck="shared links bring bursts of readers to one session within seconds",\n', ""
        ), at='@cached_read('),
    Case("caches_state_their_bottleneck", CACHES, replace("services.take_seat", "services.gone"),
        at="services.gone"),
    Case("foreign_keys_across_apps_are_guarded", MODELS, replace(
        'on_delete=models.PROTECT, related_name="+"', "on_delete=models.PROTECT"),
        at='"catalog.Session"'),
    Case("foreign_keys_across_apps_are_guarded", MODELS, replace(
        '"catalog.Session", on_delete=models.PROTECT', '"catalog.Session", on_delete=models.CASCADE'
    ), at='"catalog.Session"'),
    Case("foreign_keys_across_apps_are_guarded", OWNERS, replace('"accounts", "catalog"', "")),
    Case("caches_are_declared", SELECTORS, append(
        "import functools as f\n@f.lru_cache\ndef _g() -> None: ..."), at="def _g"),
    Case("foreign_keys_across_apps_are_guarded", MODELS, append(
        "K = models.ForeignKey(to='catalog.Session', on_delete=models.CASCADE)"), at="K ="),
    Case("foreign_keys_across_apps_are_guarded", MODELS, append(
        "K = models.ForeignKey('catalog.Session', models.CASCADE, related_name='+')"), at="K ="),
    Case("waivers_expire", VIEWS, append(
        f"X = 1  # layout: allow doors_do_not_query until {TODAY - timedelta(days=1)}: soon"),
        at="X = 1"),
    Case("waivers_expire", VIEWS, append(
        f"X = 1  # layout: allow doors_do_not_query until {TODAY + timedelta(days=181)}: soon"),
        at="X = 1"),
    Case("waivers_expire", VIEWS, append(
        "X = 1  # layout: allow doors_do_not_query: soon"), at="X = 1"),
    Case("waivers_have_a_reason", VIEWS, append(
        f"X = 1  # layout: allow doors_do_not_query until {TODAY}"), at="X = 1"),
    Case("waivers_are_used", VIEWS, append(
        f"X = 1  # layout: allow doors_do_not_query until {TODAY}: nothing here"), at="X = 1"),
    Case("waivers_are_used", VIEWS, append(
        f"X = 1  # layout: allow doors_must_dance until {TODAY}: no such rule"), at="X = 1"),
    Case("every_file_can_be_read", VIEWS, append("def broken(:"), at="def broken(:"),
    Case("every_file_can_be_read", VIEWS, not_utf_8, at="# "),
]  # fmt: skip

# Where the named place is not in the file that was edited.
NAMED_ELSEWHERE = {
    "docs/runbooks/bookings.md": OWNERS,
    "apps/bookings/__init__.py": "apps/bookings",
    "apps/bookings/tests/__init__.py": "apps/bookings/tests",
    "apps/bookings/services/__init__.py": SERVICES,
    "apps/bookings/models/__init__.py": MODELS,
    "apps/bookings/tests/test_services.py": SERVICES,
    "apps/catalog/tests/test_management.py": "apps/catalog/management/commands/demo_data.py",
}

CLEAN = [
    Case("doors_do_not_query", VIEWS, append(
        "class List:\n    from apps.bookings.models import Booking\n"
        "    queryset = Booking.objects.all()")),
    Case("doors_do_not_query", ADMIN, append(
        "class A(admin.ModelAdmin[Booking]):\n    def get_queryset(self, request: HttpRequest):\n"
        "        return super().get_queryset(request).filter(status='held')")),
    Case("doors_do_not_write", "apps/bookings/api.py", append(
        "@router.delete('x', auth=None)\ndef f(request: HttpRequest) -> None: ...")),
    Case("doors_do_not_write", VIEWS, append(
        "def f(request: HttpRequest) -> None:\n    {}.update(a=1)")),
    Case("doors_do_not_write", ADMIN, append(
        "class A(admin.ModelAdmin[Booking]):\n    def save_model(self, *a: object) -> None:\n"
        "        super().save_model(*a)\n        super().delete()")),
    Case("doors_do_not_write", VIEWS, append("X = services.save(1)")),
    Case("every_module_has_a_home", "apps/bookings/templatetags/__init__.py", append("X = 1")),
    Case("tasks_take_plain_values", TASKS, append(
        "@shared_task(name='bookings.t', bind=True, max_retries=0, time_limit=9)\n"
        "def t(self: object, *, x: int) -> None:\n    services.x(x=x)")),
    Case("services_are_typed", SERVICES, append("def _helper(x): ...")),
    Case("services_take_keywords", SERVICES, append("def _helper(x): ...")),
    Case("no_network_in_a_transaction", SERVICES, append(
        "def _f() -> None:\n    with transaction.atomic():\n        pass\n"
        "    clients.mail_confirmation()")),
    Case("clock_comes_in_as_an_argument", VIEWS, append("NOW = timezone.now()")),
    Case("layers_point_down", SERVICES, append("from apps.bookings import tasks as t")),
    Case("dependencies_are_declared", "apps/catalog/tests/test_extra.py", append(
        "from apps.accounts.tests.factories import UserFactory")),
    Case("tasks_take_plain_values", TASKS, replace("booking_id: int", "booking_id: int | None")),
    Case("foreign_keys_across_apps_are_guarded", "apps/catalog/models.py", append(
        "class Note(querying.Model):\n    workshop = models.ForeignKey(Workshop,"
        " on_delete=models.CASCADE)")),
    Case("no_template_leftovers", "templates/home.html", append("{" + "{ project_name }" + "}")),
    Case("waivers_are_used", VIEWS, append(
        "from apps.bookings import models\nN = models.Booking.objects.count()"
        f"  # layout: allow doors_do_not_query until {TODAY + timedelta(days=9)}: it is being moved"
    )),
    Case("waivers_are_used", VIEWS, append('TEXT = "# layout: allow nothing until never: a text"')),
]  # fmt: skip


def check(project: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-B", "-m", "conventions", *arguments],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": ""},
    )


@pytest.fixture
def project(generated: Callable[[str], Path], tmp_path: Path) -> Path:
    """A copy of the example, to break."""
    return Path(shutil.copytree(generated("example"), tmp_path / "project"))


class TestCleanProjects:
    @pytest.mark.parametrize("starter", ["example", "empty"])
    def test_are_clean(self, generated: Callable[[str], Path], starter: str) -> None:
        answer = check(generated(starter))

        assert (answer.returncode, answer.stdout) == (0, "")


class TestRules:
    @pytest.mark.parametrize("case", BROKEN, ids=str)
    def test_name_the_place_where_they_are_broken(self, project: Path, case: Case) -> None:
        case.edit(project / case.path)

        answer = check(project, "--format", "json")

        assert answer.returncode == 1, answer.stderr
        named = [
            (found["path"], found["line"])
            for found in json.loads(answer.stdout)
            if found["rule"] == case.rule
        ]
        wanted = NAMED_ELSEWHERE.get(case.path, case.path)
        if case.at:
            lines = (project / case.path).read_text(errors="replace").splitlines()
            numbers = [n for n, line in enumerate(lines, 1) if case.at in line]
            assert any((wanted, number) in named for number in numbers), named
        else:
            assert any(path.startswith(wanted.removesuffix(".py")) or path == wanted or
                       (case.rule, path) == ("foreign_keys_across_apps_are_guarded", MODELS)
                       for path, _ in named), named  # fmt: skip

    @pytest.mark.parametrize("case", CLEAN, ids=str)
    def test_are_silent_about_what_only_looks_like_it(self, project: Path, case: Case) -> None:
        case.edit(project / case.path)

        answer = check(project, "--format", "json")

        assert case.rule not in {found["rule"] for found in json.loads(answer.stdout or "[]")}

    def test_each_have_a_case_that_breaks_them(self, generated: Callable[[str], Path]) -> None:
        listed = check(generated("example"), "--rules").stdout
        rules = {line for line in listed.splitlines() if line and not line.startswith(" ")}

        assert rules - {case.rule for case in BROKEN} == set()

    def test_each_say_why_and_what_they_do_not_see(self, generated: Callable[[str], Path]) -> None:
        sections = check(generated("example"), "--rules").stdout.strip().split("\n\n")

        assert all(section.count("\n") >= 1 for section in sections)


class TestCrudApps:
    def test_may_write_from_their_doors(self, project: Path) -> None:
        replace('profile = "layered"', 'profile = "crud"')(project / OWNERS)
        append("def f(form):\n    form.save()")(project / VIEWS)

        assert check(project).returncode == 0


class TestOutput:
    def test_is_a_line_a_violation_with_place_rule_and_cure(self, project: Path) -> None:
        append("from apps.bookings.models import Booking\nN = Booking.objects.count()")(
            project / VIEWS
        )
        line = len((project / VIEWS).read_text().splitlines())

        answer = check(project)

        assert answer.stdout.splitlines()[-1] == (
            f"{VIEWS}:{line}: doors_do_not_query: bookings.models.Booking.objects is asked here."
            " Add a selector to apps/bookings/selectors.py and call it."
        )

    def test_can_be_annotations_for_github(self, project: Path) -> None:
        append("PRICE = 1")(project / "apps/bookings/pricing.py")

        answer = check(project, "--format", "github")

        assert answer.stdout.startswith(
            "::error file=apps/bookings/pricing.py,line=1,title=every_module_has_a_home::"
        )

    def test_says_where_to_run_it(self, tmp_path: Path, project: Path) -> None:
        answer = subprocess.run(
            [sys.executable, "-B", "-m", "conventions"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(project)},
            capture_output=True,
            text=True,
            check=False,
        )

        assert answer.returncode == 2
        assert "Run this in the project's folder" in answer.stderr

    def test_explains_one_rule_and_names_them_all_for_one_that_is_none(
        self, generated: Callable[[str], Path]
    ) -> None:
        explained = check(generated("example"), "--explain", "doors_stay_thin")
        unknown = check(generated("example"), "--explain", "doors_must_dance")

        assert explained.stdout.startswith("doors_stay_thin\n    A door understands")
        assert (unknown.returncode, "doors_stay_thin" in unknown.stderr) == (2, True)

    def test_lists_waivers_with_their_owner(self, project: Path) -> None:
        until = TODAY + timedelta(days=9)
        append(f"X = 1  # layout: allow doors_stay_thin until {until}: a reason")(project / VIEWS)

        listed = check(project, "waivers").stdout

        assert listed.startswith(f"{until}  platform  {VIEWS}:")


class TestStrangeInput:
    """A violation with a place; never a traceback."""

    @pytest.mark.parametrize(
        "edit",
        [
            lambda root: (root / "apps/hollow").mkdir(),
            lambda root: (root / "apps/bookings/loop").symlink_to(root / "apps/bookings"),
            lambda root: append("x = 1\n" * 10_000)(root / VIEWS),
            lambda root: (root / "teams.toml").write_bytes(b"\xff"),
            lambda root: (root / OWNERS).write_bytes(b"\xff"),
            lambda root: (root / OWNERS).write_text("depends_on = 3\n"),
            lambda root: append("x = " + "(" * 400 + ")" * 400)(root / VIEWS),
            lambda root: append("x = '\0'")(root / VIEWS),
            lambda root: (root / "apps/bookings/models").mkdir(),
            lambda root: (root / ".github/CODEOWNERS").write_bytes(b"\xff"),
        ],
    )
    def test_is_no_reason_to_crash(self, project: Path, edit: Edit) -> None:
        edit(project)

        answer = check(project)

        assert answer.returncode in (0, 1)
        assert "Traceback" not in answer.stderr
