"""What breaks each rule of the layout check, and what only looks as if it did.

A case is a change to the example. The lines that the rule must name end in `# !`; places in other
files are given with `at`. A case that names nothing must stay clean. `sly` ones were written to
get around the rule.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from shutil import rmtree

TODAY = date(2027, 3, 1)
TOMORROW, YESTERDAY = TODAY + timedelta(days=1), TODAY - timedelta(days=1)
LAST = "the last line"
OPEN = "{" * 2  # what the template's own language begins with


@dataclass(frozen=True)
class Case:
    """One change to the example."""

    path: str
    text: str = ""  # added at the end of the file, or put in the place of `instead_of`
    instead_of: str = ""
    do: Callable[[Path], object] | None = None  # done to the path instead
    at: tuple[str, ...] = ()
    sly: bool = False
    also: "Case | None" = None

    @property
    def breaks(self) -> bool:
        return bool(self.at) or "# !" in self.text

    def __str__(self) -> str:
        told = self.text.strip().splitlines() or [getattr(self.do, "__name__", "")]
        return f"{self.path.removeprefix('apps/')}: {told[-1][:60]}"

    @contextmanager
    def seeded(self, root: Path) -> Iterator[set[str]]:
        """Change the project at `root`, give the places to be named, and change it back."""
        path = root / self.path
        before = path.read_bytes() if path.is_file() else None
        missing = [one for one in [*reversed(path.parents), path] if not os.path.lexists(one)]
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.do:
            self.do(path)
        else:
            text = (before or b"").decode()
            assert self.instead_of in text, f"{self.path} has changed: no {self.instead_of!r}"
            if self.instead_of:
                text = text.replace(self.instead_of, self.text, 1)
            else:
                text = f"{text}\n\n{self.text}\n" if text else f"{self.text}\n"
            path.write_bytes(text.encode())
        lines = path.read_bytes().decode().split("\n") if self.text else []
        wanted = {f"{self.path}:{n}" for n, line in enumerate(lines, 1) if line.endswith("# !")}
        wanted |= {f"{self.path}:{len(lines) - 1}" if one == LAST else one for one in self.at}
        try:
            with ExitStack() as stack:
                yield wanted | (stack.enter_context(self.also.seeded(root)) if self.also else set())
        finally:
            for made in missing[:1] or [path]:
                if made.is_dir() and not made.is_symlink():
                    rmtree(made)
                else:
                    made.unlink(missing_ok=True)
            if before is not None:
                path.write_bytes(before)


def removed(path: Path) -> None:
    path.unlink()


def as_folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def as_pipe(path: Path) -> None:
    os.mkfifo(path)


def as_link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def as_link_to_its_folder(path: Path) -> None:
    path.symlink_to(path.parent)


def as_bytes(content: bytes) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


def waiver(rule: str, until: object, reason: str = "") -> str:
    return f"X = 1  # layout: allow {rule}{f' until {until}' if until else ''}{reason}"


BOOKINGS = "apps/bookings"
VIEWS, API, ADMIN, URLS = (f"{BOOKINGS}/{name}.py" for name in ("views", "api", "admin", "urls"))
FORMS, SERVICES, TASKS = (f"{BOOKINGS}/{name}.py" for name in ("forms", "services", "tasks"))
CLIENTS, SELECTORS, MODELS = (f"{BOOKINGS}/{n}.py" for n in ("clients", "selectors", "models"))
CATALOG = "apps/catalog"
CACHES = f"{CATALOG}/caches.py"
COMMAND = "apps/catalog/management/commands/demo_data.py"
OWNERS = f"{BOOKINGS}/OWNERS.toml"
CODEOWNERS = ".github/CODEOWNERS"
DEPENDS = 'depends_on = ["accounts", "catalog"]'
MODEL = "from apps.bookings.models import Booking\n"
ATTENDEE = 'settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"\n    )'
SESSION = 'models.ForeignKey("catalog.Session", on_delete=models.PROTECT, related_name="+")'
TASK = "@shared_task(name='bookings.t', max_retries=0, time_limit=9)\n"
CACHE = (
    "@cached_read(name='catalog.x', version=1, ttl=1, bottleneck={},"
    " invalidated_by=({}))  # !\ndef x() -> int: ..."
)

QUERIES = """from django import shortcuts as s
from django.db import connection, models
from apps.bookings.models import Booking
def f() -> None:
    s.get_list_or_404(Booking)  # !
    s.aget_object_or_404(Booking)  # !
    s.aget_list_or_404(Booking)  # !
    connection.cursor()  # !
    models.query.QuerySet(Booking)  # !
    Booking._base_manager  # !
    Booking._meta.base_manager  # !"""
WRITES = """from apps.bookings.models import Booking
async def f(self, b: Booking, rows: object) -> None:
    await b.asave()  # !
    await b.adelete()  # !
    b.save_base()  # !
    Booking.objects.create()  # !
    await Booking.objects.acreate()  # !
    await rows.all().aupdate(x=1)  # !
    rows.filter(pk=1).update(x=1)  # !
    rows.exclude(pk=1).update(x=1)  # !
    self.get_queryset().update(x=1)  # !
    rows.bulk_create([])  # !
    rows.bulk_update([])  # !
    rows.update_or_create()  # !
    rows.select_for_update()  # !"""
BRANCHES = """def branches(x: int) -> None:{}
    if x:
        a = 1
    else:
        a = 1
        a = 2
    try:
        a = 1
    except OSError:
        a = 1
        a = 2
    finally:
        a = 1
        a = 2
    match x:
        case 1:
            a = 1{}"""
NETWORK = """import urllib.request, urllib3, aiohttp, http.client, smtplib, ftplib, socket, boto3, grpc
@transaction.atomic
def _f() -> None:
    urllib.request.urlopen("x")  # !
    urllib3.request("x")  # !
    aiohttp.request("x")  # !
    http.client.HTTPConnection("x")  # !
    smtplib.SMTP("x")  # !
    ftplib.FTP("x")  # !
    socket.create_connection("x")  # !
    boto3.client("x")  # !
    grpc.insecure_channel("x")  # !"""
CLOCKS = """import time
from django.utils import timezone
def _f() -> None:
    datetime.today()  # !
    datetime.utcnow()  # !
    time.time_ns()  # !
    timezone.localtime()  # !
    timezone.localdate()  # !"""

CASES: dict[str, list[Case]] = {
    # Shape
    "app_has_an_owner": [
        Case(OWNERS, do=removed, at=(f"{OWNERS}:1",)),
        Case(OWNERS, 'purpose = ""  # !', 'purpose = "Takes seats and gives them back"'),
        Case(OWNERS, "team = [  # !"),
        Case(OWNERS, 'lifecycle = "done"  # !', 'lifecycle = "production"'),
        Case(OWNERS, 'colour = "red"  # !'),
        Case(OWNERS, "depends_on = 3  # !", DEPENDS),
        Case(OWNERS, do=as_folder, at=(f"{OWNERS}:1",), sly=True),
        Case("apps/hollow/services/work.py", "X = 1", at=("apps/hollow:1",), sly=True),
        Case("apps/hollow/__init__.py", '"""Soon."""', at=("apps/hollow/OWNERS.toml:1",)),
        Case("apps/hollow", do=as_folder),
        Case("apps/hollow/__pycache__/services.cpython-313.pyc", do=as_bytes(b"")),
        Case(OWNERS, "# who to ask on Mondays\n"),
        Case(OWNERS, "", 'profile = "layered"\n'),
        Case("apps/gone/__pycache__/models.pyc", "bytecode that git leaves behind"),
        Case("apps/README.md", "What each app is for."),
    ],
    "owner_is_a_known_team": [
        Case(OWNERS, 'team = "nobody"  # !', 'team = "platform"'),
        Case(OWNERS, 'team = "Platform"  # !', 'team = "platform"', sly=True),
        Case("teams.toml", "[lonely]  # !"),
        Case("teams.toml", do=removed, at=("teams.toml:1",)),
        Case(OWNERS, 'team = "curators"', 'team = "platform"'),
        Case("teams.toml", '[night]\ncontact = "#night"'),
    ],
    "runbook_exists": [
        Case("docs/runbooks/bookings.md", do=removed, at=(f"{OWNERS}:4",)),
        Case(OWNERS, 'runbook = "docs/none.md"  # !', 'runbook = "docs/runbooks/bookings.md"'),
        Case(OWNERS, 'runbook = "docs"  # !', 'runbook = "docs/runbooks/bookings.md"', sly=True),
        Case(OWNERS, 'runbook = "README.md"', 'runbook = "docs/runbooks/bookings.md"'),
        Case("docs/runbooks/bookings.md", "## What else can go wrong"),
    ],
    "every_module_has_a_home": [
        Case(f"{BOOKINGS}/pricing.py", "PRICE = 1  # !"),
        Case(f"{BOOKINGS}/logic/rules.py", "RULE = 1  # !"),
        Case(f"{BOOKINGS}/services/utils.py", "X = 1  # !"),
        *(
            Case(f"{BOOKINGS}/services/{name}.py", "X = 1  # !")
            for name in ("util", "helpers", "helper", "common", "core", "misc", "lib")
        ),
        Case("apps/utils.py", "X = 1  # !", sly=True),
        Case("apps/__init__.py", "X = 1", at=("apps/__init__.py:1",), sly=True),
        Case(f"{BOOKINGS}/__init__.py", "def f(): ...  # !", sly=True),
        Case(f"{BOOKINGS}/vendor/rules.py", "RULE = 1  # !", sly=True),
        Case("apps/linked", do=as_link_to_its_folder, at=("apps/linked:1",), sly=True),
        Case(f"{BOOKINGS}/__init__.py", '"""Seats."""'),
        Case("apps/__init__.py", '"""What it does."""'),
        Case(f"{BOOKINGS}/templatetags/seats.py", "X = 1"),
        Case(f"{BOOKINGS}/services/pricing.py", "PRICE = 1"),
        Case(f"{BOOKINGS}/models/managers.py", "X = 1"),
    ],
    "folders_are_packages": [
        Case(f"{BOOKINGS}/forms/one.py", "X = 1", at=(f"{BOOKINGS}/forms:1",)),
        Case(f"{BOOKINGS}/__init__.py", do=removed, at=(f"{BOOKINGS}:1",)),
        Case(f"{BOOKINGS}/tests/__init__.py", do=removed, at=(f"{BOOKINGS}/tests:1",)),
        Case(
            f"{BOOKINGS}/management/commands/x.py",
            "X = 1",
            at=(f"{BOOKINGS}/management:1", f"{BOOKINGS}/management/commands:1"),
            sly=True,
        ),
        Case(f"{BOOKINGS}/static/bookings/seats.js", "let seats = 1"),
        Case(f"{BOOKINGS}/locale/de/LC_MESSAGES/django.po", 'msgid ""'),
    ],
    "module_or_package_never_both": [
        Case(f"{BOOKINGS}/services/__init__.py", "A = 1", at=(f"{SERVICES}:1",)),
        Case(f"{BOOKINGS}/models/__init__.py", "A = 1", at=(f"{MODELS}:1",)),
        Case(f"{BOOKINGS}/views/pages.py", "A = 1", at=(f"{VIEWS}:1",), sly=True),
        Case(f"{BOOKINGS}/forms/__init__.py", "A = 1"),
        Case(f"{BOOKINGS}/templates/services/page.html", "<p>"),
        Case(f"{BOOKINGS}/tests/test_more/__init__.py", "A = 1"),
    ],
    "layers_have_tests": [
        Case(f"{BOOKINGS}/tests/test_services.py", do=removed, at=(f"{SERVICES}:1",)),
        Case("apps/catalog/tests/test_management.py", do=removed, at=(f"{COMMAND}:1",)),
        Case(f"{BOOKINGS}/tests/test_tasks.py", do=removed, at=(f"{TASKS}:1",)),
        Case(f"{BOOKINGS}/tests/test_selectors.py", do=removed, at=(f"{SELECTORS}:1",)),
        Case(FORMS, "class F: ...  # !"),
        Case("apps/accounts/clients.py", "def call() -> None: ...", at=("apps/accounts/clients.py:1",)),
        Case(
            f"{BOOKINGS}/tests/test_services.py",
            do=as_bytes(b"# later\n"),
            at=(f"{SERVICES}:1",),
            sly=True,
        ),
        Case("apps/accounts/clients.py", '"""Nobody yet."""'),
        Case("apps/accounts/caches.py", "X = 1"),
        Case("apps/accounts/exceptions.py", "class Gone(Exception): ..."),
    ],
    "layers_point_down": [
        Case(MODELS, "from apps.bookings import services  # !"),
        Case(SELECTORS, "from . import tasks  # !"),
        Case(SELECTORS, "import apps.bookings.services as s  # !"),
        Case(VIEWS, "from .api import router  # !"),
        Case("apps/catalog/models.py", "def f() -> None:\n    from apps.catalog.views import x  # !"),
        Case(MODELS, "import typing\nif typing.TYPE_CHECKING:\n    from . import services  # !", sly=True),
        Case(MODELS, "import importlib as i\nm = i.import_module('apps.bookings.services')  # !", sly=True),
        Case(MODELS, "from importlib import import_module as m\nS = '.services'\nm(S, 'apps.bookings')  # !", sly=True),
        Case(SELECTORS, "from apps import bookings\nX = bookings.services.book_seat  # !", sly=True),
        Case(SELECTORS, "import apps\nX = apps.bookings.services  # !", sly=True),
        Case(SERVICES, "from apps.bookings.tests import factories  # !", sly=True),
        Case(SERVICES, "from config.celery import app  # !"),
        Case(SELECTORS, "from apps.catalog import services  # !", sly=True),
        Case(SERVICES, "from apps.bookings import tasks as t"),
        Case(TASKS, "from . import services as s"),
        Case(SELECTORS, "from apps.catalog import selectors as c"),
        Case("apps/bookings/exceptions.py", "from apps.bookings import types"),
        Case(SERVICES, "from apps.bookings import services as ours"),
        Case(f"{BOOKINGS}/apps.py", "from apps.bookings import services"),
        Case(SELECTORS, "from apps.catalog import views  # another rule's"),
        Case(SERVICES, "X = 'apps.bookings.views'  # from apps.bookings import views"),
    ],
    "dependencies_are_declared": [
        Case("apps/catalog/services.py", "from apps.insights import selectors as i  # !"),
        Case("apps/accounts/selectors.py", "import typing\nif typing.TYPE_CHECKING:\n    from apps.catalog import types as t  # !"),
        Case("apps/accounts/services.py", "from django.apps import apps\nB = apps.get_model('bookings.Booking')  # !", sly=True),
        Case("apps/accounts/services.py", "from django.apps import apps as a\nAPP = 'bookings'\nB = a.get_app_config(APP)  # !", sly=True),
        Case("apps/accounts/services.py", "from django.apps import apps\nB = apps.get_model(app_label='bookings', model_name='Booking')  # !", sly=True),
        Case("apps/accounts/services.py", "from django.apps import apps as a\nB = a.get_registered_model('bookings', 'Booking')  # !", sly=True),
        Case("apps/accounts/services.py", "from django.utils.module_loading import import_string\nB = import_string('apps.bookings.services.book_seat')  # !", sly=True),
        Case(OWNERS, 'depends_on = ["accounts", "catalog", "katalog"]  # !', DEPENDS),
        Case("apps/catalog/tests/test_extra.py", "from apps.bookings.tests.factories import BookingFactory"),
        Case("apps/accounts/services.py", "TEXT = 'apps.bookings.services'"),
        Case("apps/catalog/services.py", "from django.apps import apps\nB = apps.get_model('catalog.Session')"),
    ],
    "other_apps_are_entered_by_the_front_door": [
        Case(SERVICES, "from apps.catalog.models import Session  # !"),
        Case(SELECTORS, "import apps.catalog.caches as c  # !"),
        Case(VIEWS, "def f() -> None:\n    from apps.catalog import tasks  # !"),
        Case(SERVICES, "from apps import catalog as c  # !"),
        Case(SERVICES, "from django.apps import apps\nS = apps.get_model('catalog', 'Session')  # !", sly=True),
        Case(SERVICES, "from apps.catalog.services import Session  # !", sly=True),
        Case(SERVICES, "X = catalog.Session.objects  # !", sly=True),
        Case(SERVICES, "X = catalog.caches  # !", sly=True),
        Case(SERVICES, "import apps.catalog.services\nX = apps.catalog.models.Session  # !", sly=True),
        Case(SERVICES, "from apps.catalog.types import Session"),
        Case(SERVICES, "X = catalog.exceptions.SessionNotFound, catalog.SessionFull"),
        Case(f"{BOOKINGS}/tests/test_extra.py", "from apps.catalog.models import Session"),
    ],
    "dependencies_have_no_cycle": [
        Case(
            "apps/catalog/OWNERS.toml", 'depends_on = ["insights"]  # !', "depends_on = []",
            at=(f"{OWNERS}:5", "apps/insights/OWNERS.toml:5"),
        ),
        Case("apps/accounts/OWNERS.toml", 'depends_on = ["bookings"]  # !', "depends_on = []", at=(f"{OWNERS}:5",)),
        Case("apps/accounts/OWNERS.toml", 'depends_on = ["accounts"]  # !', "depends_on = []", sly=True),
        Case("apps/insights/OWNERS.toml", 'depends_on = ["bookings", "accounts"]', 'depends_on = ["bookings", "catalog"]'),
        Case("apps/catalog/OWNERS.toml", 'depends_on = ["accounts"]', "depends_on = []"),
    ],
    "codeowners_are_current": [
        Case(CODEOWNERS, "* @me", at=(f"{CODEOWNERS}:1",)),
        Case(CODEOWNERS, do=removed, at=(f"{CODEOWNERS}:1",)),
        Case(CODEOWNERS, do=as_folder, at=(f"{CODEOWNERS}:1",)),
        Case(CODEOWNERS, do=as_bytes(b"\xff"), at=(f"{CODEOWNERS}:1",)),
        Case(OWNERS, 'team = "curators"', 'team = "platform"', at=(f"{CODEOWNERS}:1", "catalog-info.yaml:1"), sly=True),
        Case(OWNERS, 'purpose = "Sells seats"', 'purpose = "Takes seats and gives them back"', at=("catalog-info.yaml:1",), sly=True),
        Case(OWNERS, "# Ask in the channel before you change this."),
        Case("teams.toml", "# A team is whoever answers when it breaks."),
    ],
    "no_template_leftovers": [
        Case("README.md", f"{OPEN} cookiecutter.project_slug }}}} # !"),
        Case("docs/architecture.md", f"{OPEN}cookiecutter.team }}}} # !"),
        Case(".github/extra.yml", "{%- if cookiecutter.starter == 'x' %} # !", sly=True),
        Case("templates/home.html", f"{OPEN} project_name }}}}"),
        Case("README.md", "Made with cookiecutter. See cookiecutter.json of the template."),
    ],
    "every_file_can_be_read": [
        Case(VIEWS, "def broken(:  # !"),
        Case(VIEWS, "x = '\0'  # !"),
        Case(VIEWS, f"x = {'(' * 400}{')' * 400}  # !"),
        Case(VIEWS, f"x = {'-' * 200_000}1", at=(f"{VIEWS}:1",), sly=True),
        Case(VIEWS, do=as_bytes(b"# one\n# \xff\n"), at=(f"{VIEWS}:2",)),
        Case(FORMS, do=as_folder, at=(f"{FORMS}:1",), sly=True),
        Case(FORMS, do=as_pipe, at=(f"{FORMS}:1",), sly=True),
        Case(FORMS, do=as_link_to_itself, at=(f"{FORMS}:1",), sly=True),
        Case(f"{BOOKINGS}/loop", do=as_link_to_its_folder, at=(f"{BOOKINGS}/loop:1",), sly=True),
        Case("apps/__init__.py", "def broken(:  # !"),
        Case(VIEWS, do=as_bytes(b"\xef\xbb\xbfX = 1\r\nY = 2\r\n")),
        Case(VIEWS, "x = 1\n" * 10_000),
        Case(VIEWS, "x = '\\d'\ny = " + "a" + ".b" * 1500),
        Case(VIEWS, "if x:\n    pass\n" + "elif x:\n    pass\n" * 1500),
        Case(f"{BOOKINGS}/.#views.py", do=as_link_to_itself),
    ],
    # Flow
    "doors_do_not_query": [
        Case(VIEWS, f"{MODEL}N = Booking.objects.count()  # !"),
        Case(VIEWS, "import apps.bookings.models as m\nN = m.Booking._default_manager.count()  # !"),
        Case(API, "from django.shortcuts import get_object_or_404 as find\nfrom apps.bookings import models\nONE = find(models.Booking, pk=1)  # !"),
        Case(TASKS, "def f() -> None:\n    from apps.bookings.models import Booking as B\n    B.objects.all()  # !"),
        Case(ADMIN, "def f(self, request):\n    return Booking.objects.all()  # !"),
        Case(COMMAND, "from django.db import connections as c\nwith c['default'].cursor() as cursor:  # !\n    pass"),
        Case(FORMS, f"from django import forms\n{MODEL}class F(forms.Form):\n    def clean(self):\n        return Booking.objects.exists()  # !", sly=True),
        Case(URLS, f"{MODEL}V = lambda request: Booking.objects.count()  # !", sly=True),
        Case(f"{BOOKINGS}/apps.py", "class C(AppConfig):\n    def ready(self):\n        self.get_model('Booking').objects.count()  # !", sly=True),
        Case(f"{BOOKINGS}/templatetags/seats.py", f"{MODEL}def left():\n    return Booking.objects.count()  # !", sly=True),
        Case(VIEWS, f"{MODEL}N = getattr(Booking, 'objects').count()  # !", sly=True),
        Case(VIEWS, f"{MODEL}N = Booking._meta.default_manager.count()  # !", sly=True),
        Case(VIEWS, f"from django.db.models import QuerySet as Q\n{MODEL}N = Q(Booking).count()  # !", sly=True),
        Case(VIEWS, f"{MODEL}rows = Booking.objects  # !\nN = rows.count()", sly=True),
        Case(VIEWS, f"{MODEL}N = Booking.active.count()  # !", sly=True, also=Case(MODELS, "class Booking(querying.Model):\n    active = querying.Manager()")),
        Case(VIEWS, QUERIES),
        Case(VIEWS, f"{MODEL}N = Booking.free.count(), Booking.active.count()  # !", sly=True, also=Case(MODELS, "class Booking(querying.Model):\n    free = Q.as_manager()\n    active = querying.Manager.from_queryset(Q)()")),
        Case(VIEWS, f"from django.views.generic import ListView\n{MODEL}class Page(ListView):\n    rows = Booking.objects.all()  # !", sly=True),
        Case(FORMS, f"from django import forms\n{MODEL}class F(forms.Form):\n    booking = forms.ChoiceField(choices=Booking.objects.all())  # !", sly=True),
        Case(VIEWS, f"{MODEL}X = Booking.active", also=Case(MODELS, "class Booking(querying.Model):\n    active = models.BooleanField()")),
        Case(VIEWS, f"{MODEL}class Page:\n    queryset = Booking.objects.all()  # !", sly=True),
        Case(VIEWS, f"from django.views.generic import ListView\n{MODEL}class Page(ListView):\n    queryset = Booking.objects.all()"),
        Case(ADMIN, "class A(admin.ModelAdmin[Booking]):\n    def get_queryset(self, request: HttpRequest):\n        return super().get_queryset(request).filter(status='held')"),
        Case(FORMS, f"from django import forms\n{MODEL}class F(forms.Form):\n    booking = forms.ModelChoiceField(queryset=Booking.objects.all())"),
        Case(VIEWS, "def f(user) -> bool:\n    return user.active", also=Case(MODELS, "class B(querying.Model):\n    active = querying.Manager()")),
        Case(SERVICES, "N = Booking.objects.count()"),
    ],
    "doors_do_not_write": [
        Case(VIEWS, "def f(request: HttpRequest, booking: object) -> None:\n    booking.save()  # !"),
        Case(ADMIN, "def f(booking: Booking) -> None:\n    booking.delete()  # !"),
        Case(COMMAND, "from apps.catalog.models import Session as S\nS.objects.filter(pk=1).update(room='x')  # !"),
        Case(API, f"{MODEL}async def f() -> None:\n    await Booking.objects.aget_or_create()  # !"),
        Case(ADMIN, "@admin.action\ndef pay(self, request: HttpRequest, queryset: QuerySet[Booking]) -> None:\n    queryset.update(status='paid')  # !"),
        Case(ADMIN, "def f(rows: QuerySet[Booking]) -> None:\n    rows.update(status='paid')  # !", sly=True),
        Case(VIEWS, f"{MODEL}def f(b: Booking) -> None:\n    Booking.save(b)  # !", sly=True),
        Case(VIEWS, "from django.db import transaction\ndef f(b: object) -> None:\n    transaction.on_commit(b.save)  # !", sly=True),
        Case(VIEWS, "def f(b: object) -> None:\n    getattr(b, 'save')()  # !", sly=True),
        Case(VIEWS, "def f(b: object) -> None:\n    keep = b.save  # !\n    keep()", sly=True),
        Case(VIEWS, "def f(form: object) -> None:\n    form.save()  # !"),
        Case(FORMS, "class F:\n    def put(self):\n        self.instance.save()  # !", sly=True),
        Case(VIEWS, f"{MODEL}def f() -> None:\n    rows = Booking.objects.filter(pk=1)\n    rows.update(status='x')  # !", sly=True),
        Case(VIEWS, f"from django.views import generic\n{MODEL}class New(generic.CreateView):  # !\n    model = Booking", sly=True),
        Case(VIEWS, WRITES),
        Case(ADMIN, "def pay(self, request, queryset):\n    queryset.update(status='paid')  # !", sly=True),
        Case(VIEWS, "def f(form: object, commit: bool) -> None:\n    form.save(commit=True)  # !\n    form.save(commit=commit)  # !\n    form.save(force=False)  # !", sly=True),
        Case(VIEWS, "from django.views.generic.edit import DeleteView, UpdateView\nclass A(UpdateView): ...  # !\nclass B(DeleteView): ...  # !", sly=True),
        Case(VIEWS, "class V:\n    def post(self) -> None:\n        self.delete()\n    @classmethod\n    def put(cls) -> None:\n        cls.save()"),
        Case(VIEWS, f"from django.views.generic import CreateView\n{MODEL}class New(CreateView):\n    def form_valid(self, form):\n        return services.book_seat(form)"),
        Case(API, "@router.delete('x', auth=None)\ndef f(request: HttpRequest) -> None: ..."),
        Case(VIEWS, "def f(request: HttpRequest) -> None:\n    {}.update(a=1)\n    found = {}\n    found.update(a=1)\n    request.session.save()"),
        Case(ADMIN, "class A(admin.ModelAdmin[Booking]):\n    def save_model(self, *a: object) -> None:\n        super().save_model(*a)\n        super().delete()"),
        Case(VIEWS, "X = services.save(1)\ndef f(form: object) -> None:\n    services.put(form.save(commit=False))"),
        Case(VIEWS, "from django.core.files.storage import default_storage\nX = default_storage.delete('x')"),
        Case(VIEWS, "def f(book: object, answer: object) -> None:\n    book.save(answer)"),
        Case(VIEWS, f"{MODEL}B = Booking\ndef f(b: Booking) -> None:\n    B.save(b)  # !", sly=True),
    ],
    "doors_stay_thin": [
        Case(VIEWS, "def fat(request: HttpRequest) -> None:  # !\n" + "    x = 1\n" * 13),
        Case(ADMIN, "class A:\n    def fat(self) -> None:  # !\n        if 1:\n" + "            x = 1\n" * 12),
        Case(COMMAND, "class C(BaseCommand):\n    async def handle(self) -> None:  # !\n" + "        x = 1\n" * 13),
        Case(API, "def fat() -> None:  # !\n    x = 1; " + "x = 1; " * 12, sly=True),
        Case(VIEWS, "def fat() -> None:  # !\n    def inner() -> None:\n" + "        x = 1\n" * 12, sly=True),
        Case(VIEWS, BRANCHES.format("  # !", "\n            a = 2"), sly=True),
        Case(VIEWS, BRANCHES.format("", "")),
        Case(f"{BOOKINGS}/templatetags/seats.py", "def fat() -> None:  # !\n" + "    x = 1\n" * 13, sly=True),
        Case(VIEWS, 'def thin(request: HttpRequest) -> None:\n    """Words."""\n' + "    x = 1\n" * 12),
        Case(VIEWS, "def long_call() -> None:\n    f(\n" + "        1,\n" * 40 + "    )"),
        Case(SERVICES, "def _fat() -> None:\n" + "    x = 1\n" * 40),
    ],
    "selectors_only_read": [
        Case(SELECTORS, "def _f() -> None:\n    Booking.objects.filter(pk=1).update(room='x')  # !"),
        Case(SELECTORS, "def _f(row: Booking) -> None:\n    row.save()  # !"),
        Case(CACHES, "def _f() -> None:\n    Session.objects.select_for_update().first()  # !"),
        Case(SELECTORS, "def _f() -> None:\n    rows = Booking.objects.all()\n    rows.update(room='x')  # !", sly=True),
        Case(SELECTORS, "def _f() -> None:\n    Booking.objects.all()[0].delete()  # !", sly=True),
        Case(SELECTORS, "def _f(row: Booking) -> None:\n    Booking.save(row)  # !", sly=True),
        Case(SELECTORS, "def _f() -> None:\n    make = Booking.objects.get_or_create  # !", sly=True),
        Case(SELECTORS, "def _f() -> None:\n    seen = {}\n    seen.update(a=1)"),
        Case(SELECTORS, "def _f() -> None:\n    rows = Booking.objects.all()\ndef _g(rows: dict) -> None:\n    rows.update(a=1)"),
        Case(SELECTORS, "def _f() -> object:\n    return Booking.objects.values_list('id')"),
    ],
    "selectors_declare_a_budget": [
        Case(SELECTORS, "def unpriced() -> int:  # !\n    return 1"),
        Case(SELECTORS, "async def unpriced() -> int:  # !\n    return 1"),
        Case(SELECTORS, "from functools import wraps as selector_\n@selector_\ndef unpriced() -> int: ...  # !", sly=True),
        Case(SELECTORS, "@selector\ndef unpriced() -> int: ...  # !", sly=True),
        Case(SELECTORS, "@budget(queries=1)\ndef unpriced() -> int: ...  # !", sly=True),
        Case(SELECTORS, "@selector()\ndef unpriced() -> int: ...  # !", sly=True),
        Case(SELECTORS, "if True:\n    def unpriced() -> int: ...  # !", sly=True),
        Case(SELECTORS, "def _unpriced() -> int: ..."),
        Case(SELECTORS, "import conventions.querying as q\n@q.selector(queries=2)\ndef priced() -> int: ..."),
    ],
    "selectors_promise_their_rows": [
        Case(SELECTORS, "def rows(*, limit: int) -> list[Booking]:  # !\n    return list(Booking.objects.all()[:limit])"),
        Case(SELECTORS, "from apps.bookings import models as m\nasync def row() -> m.Booking | None: ...  # !"),
        Case(SELECTORS, "from django.db.models import QuerySet\ndef rows() -> QuerySet: ...  # !\ndef more() -> QuerySet[Booking, Booking]: ...  # !"),
        Case(SELECTORS, "import typing as t\ndef rows() -> t.Iterator[tuple[int, Booking]]:  # !\n    yield from enumerate(Booking.objects.all())"),
        Case(SELECTORS, "def rows() -> 'list[Booking]': ...  # !\ndef more() -> dict[int, 'Booking']: ...  # !", sly=True),
        Case(SELECTORS, "Rows = list[Booking]\ndef rows() -> Rows: ...  # !", sly=True),
        Case(SELECTORS, "if True:\n    def rows() -> list[Booking]: ...  # !", sly=True),
        Case(SELECTORS, "def promised(rows): return rows\ndef rows() -> list[Booking]:  # !\n    return promised(Booking.objects.all())", instead_of="from conventions.querying import promised, selector, within_days\n", sly=True),
        Case(SELECTORS, "from apps.catalog import selectors as c\ndef rows(*, at: date) -> list[Booking]:  # !\n    c.upcoming_sessions(at=at)\n    return list(Booking.objects.all())", sly=True),
        Case(SELECTORS, "from apps.bookings.models import Paid\ndef paid() -> list[Paid]: ...  # !", also=Case(MODELS, "class Paid(Booking): ..."), sly=True),
        Case(SELECTORS, "def _rows() -> list[Booking]: ..."),
        Case(SELECTORS, "def rows() -> list[Booking]:\n    return _later(1)\ndef _later(n: int) -> list[Booking]:\n    return list(promised(Booking.objects.all()[:n]))\ndef first() -> Booking:\n    return rows()[0]"),
        Case(SELECTORS, "import conventions.querying as q\nfrom conventions import paging\ndef row() -> Booking | None:\n    return q.promised(Booking.objects.all()).first()\ndef rows() -> paging.Page[Booking]:\n    return paging.page(Booking.objects.all())"),
        Case(SELECTORS, "from typing import Any, Literal\nfrom django.db.models import QuerySet\ndef a() -> list[types.Booking]: ...\ndef b() -> QuerySet[Booking, dict[str, Any]]: ...\ndef c() -> Literal['a b', 'Booking.x']: ...\ndef d() -> Booking.Status: ..."),
        Case(MODELS, "class Kind(models.TextChoices): ...", also=Case(SELECTORS, "from apps.bookings.models import Kind\ndef kinds() -> list[Kind]: ...")),
        Case(SELECTORS, "A = 'A'\nB = C\nC = B\ndef a() -> A | B: ...\ndef b() -> 'A b'[()]: ..."),
        Case(SERVICES, "def book() -> Booking: ..."),
    ],
    "services_take_keywords": [
        Case(SERVICES, "def move(booking_id: int) -> None: ...  # !"),
        Case(SERVICES, "def move(*ids: int) -> None: ...  # !"),
        Case(SELECTORS, "def find(booking_id: int, /) -> None: ...  # !"),
        Case(SERVICES, "class Seats:\n    def move(self, to: int) -> None: ...  # !", sly=True),
        Case(SERVICES, "class Seats:\n    @staticmethod\n    def move(to: int) -> None: ...  # !", sly=True),
        Case(SERVICES, "move = lambda to: to  # !", sly=True),
        Case(SERVICES, "try:\n    def move(to: int) -> None: ...  # !\nfinally:\n    pass", sly=True),
        Case(SERVICES, "def _helper(x): ..."),
        Case(SERVICES, "class Gone(errors.Conflict):\n    def __init__(self, seat): ...\n    def why(self, seat): ..."),
        Case(SERVICES, "class Seats:\n    @property\n    def left(self) -> int: ...\n    def move(self, *, to: int) -> int: ..."),
        Case(SERVICES, "_by_day = lambda row: row.day"),
    ],
    "services_are_typed": [
        Case(SERVICES, "def move(*, to) -> None: ...  # !"),
        Case(SERVICES, "def move(*, to: int): ...  # !"),
        Case(SELECTORS, "async def find(**by): ...  # !"),
        Case(SERVICES, "class Seats:\n    def move(self, *, to) -> None: ...  # !", sly=True),
        Case(SERVICES, "if True:\n    def move(*, to): ...  # !", sly=True),
        Case(SERVICES, "def _helper(x): ..."),
        Case(SERVICES, "class Seats:\n    def move(self, *, to: int) -> None: ...\n    def _helper(x): ..."),
    ],
    "no_http_below_the_doors": [
        Case(SERVICES, "from django.http import Http404  # !"),
        Case(TASKS, "from conventions import http  # !"),
        Case(TASKS, "from conventions.health import ready  # !"),
        Case(SELECTORS, "def _f() -> None:\n    import ninja.errors  # !"),
        Case(SERVICES, "import typing\nif typing.TYPE_CHECKING:\n    from django.http import HttpRequest as R  # !", sly=True),
        Case(SERVICES, "import importlib\nH = importlib.import_module('django.http')  # !", sly=True),
        Case(SERVICES, "from django import shortcuts as s  # !", sly=True),
        Case(CACHES, "from django.http import Http404  # !", also=Case(MODELS, "import django.views.generic  # !")),
        Case(f"{BOOKINGS}/types.py", "from django.contrib import messages  # !", also=Case(f"{BOOKINGS}/exceptions.py", "from django.template import response  # !")),
        Case(SERVICES, "from http import HTTPStatus"),
        Case(CLIENTS, "from django.http import QueryDict"),
        Case(SERVICES, "import ninjas_of_our_own"),
    ],
    "no_business_signals": [
        Case(MODELS, "from django.db.models.signals import post_save  # !"),
        Case(f"{BOOKINGS}/apps.py", "from django.dispatch import receiver as on  # !"),
        Case(SERVICES, "from django.contrib.auth.signals import user_logged_in  # !"),
        Case(SERVICES, "from django.db import models as m\nm.signals.post_save.connect(print)  # !", sly=True),
        Case(SERVICES, "from django.db import models as m\nfor s in [m.signals.post_save]:  # !\n    s.connect(print)", sly=True),
        Case(SERVICES, "from django.db import models as m\ngetattr(m, 'signals').post_save.connect(print)  # !", sly=True),
        Case(SERVICES, "from importlib import import_module as i\ni('django.db.models.signals').post_save.connect(print)  # !", sly=True),
        Case(SERVICES, "import signal\nX = signal.SIGTERM"),
        Case(SERVICES, "class Lights:\n    signals = 3\nX = Lights().signals"),
    ],
    "no_network_in_a_transaction": [
        Case(SERVICES, "@transaction.atomic\ndef _f() -> None:\n    clients.mail_confirmation()  # !"),
        Case(SERVICES, "from django.db.transaction import atomic as a\nimport httpx\ndef _f() -> None:\n    with a():\n        httpx.get('x')  # !"),
        Case(SERVICES, "from django.core import mail as m\n@transaction.atomic(using='x')\ndef _f() -> None:\n    m.send_mail()  # !"),
        Case(SERVICES, "@transaction.atomic\ndef _f() -> None:\n    _tell()  # !\ndef _tell() -> None:\n    _really_tell()\ndef _really_tell() -> None:\n    clients.mail_confirmation()", sly=True),
        Case("apps/insights/services.py", "from apps.bookings import services as b\n@transaction.atomic\ndef _f() -> None:\n    b.send_confirmation()  # !", sly=True),
        Case(VIEWS, "from django.db import transaction\nimport requests\ndef f() -> None:\n    with transaction.atomic():\n        requests.get('x')  # !", sly=True),
        Case(SERVICES, NETWORK),
        Case(CLIENTS, "from django.db import transaction\n@transaction.atomic\ndef f() -> None:\n    mail_confirmation()  # !\n    EmailMessage().send()  # !"),
        Case(SERVICES, "def _f() -> None:\n    with open('x'):\n        clients.mail_confirmation()"),
        Case(SERVICES, "def _f() -> object:\n    with transaction.atomic():\n        def later() -> None:\n            clients.mail_confirmation()\n    return later"),
        Case(SERVICES, "def _f() -> None:\n    with transaction.atomic():\n        pass\n    clients.mail_confirmation()"),
        Case(SERVICES, "@transaction.atomic\ndef _f() -> None:\n    transaction.on_commit(lambda: clients.mail_confirmation())"),
        Case(SERVICES, "import urllib.parse\n@transaction.atomic\ndef _f() -> None:\n    urllib.parse.quote('x')"),
    ],
    "clock_comes_in_as_an_argument": [
        Case(SERVICES, "from django.utils import timezone as tz\ndef _f() -> None:\n    tz.now()  # !"),
        Case(SELECTORS, "import datetime as d\ndef _f() -> None:\n    d.date.today()  # !"),
        Case(SERVICES, "def _f() -> None:\n    datetime.now()  # !"),
        Case(SERVICES, "from django.utils.timezone import now\ndef _f() -> None:\n    now()  # !"),
        Case(SERVICES, "from django.utils import timezone\nclock = timezone.now  # !\ndef _f() -> None:\n    clock()  # !", sly=True),
        Case(SERVICES, "from django.utils import timezone\ndef _f(*, clock=timezone.now) -> None:  # !\n    clock()", sly=True),
        Case(SELECTORS, "from django.db.models.functions import Now\ndef _f() -> None:\n    Booking.objects.filter(booked_at=Now())  # !", sly=True),
        Case(SERVICES, "import time\ndef _f() -> None:\n    getattr(time, 'time')()  # !", sly=True),
        Case(SERVICES, CLOCKS),
        Case(VIEWS, "NOW = timezone.now()"),
        Case(SERVICES, "from django.utils import timezone\ndef _f(*, at: datetime) -> None:\n    timezone.localtime(value=at)"),
        Case(SERVICES, "X = datetime.fromisoformat('2030-01-01')"),
        Case(SERVICES, "from django.utils import timezone\ndef _f(*, at: datetime) -> None:\n    timezone.localdate(at)"),
        Case(SERVICES, "import time\nT = time.monotonic()"),
    ],
    # Tasks
    "tasks_live_in_tasks": [
        Case(SERVICES, "from celery import shared_task as job\n@job\ndef _f() -> None: ...  # !"),
        Case(VIEWS, "import celery\n@celery.shared_task(name='x')\ndef f() -> None: ...  # !"),
        Case(SERVICES, "from config.celery import app\n@app.task\ndef _f() -> None: ...  # !"),
        Case(SERVICES, "from celery import current_app as c\n@c.task()\ndef _f() -> None: ...  # !", sly=True),
        Case(SERVICES, "from celery.app import shared_task\n@shared_task\ndef _f() -> None: ...  # !", sly=True),
        Case(SERVICES, "from config import celery_app\n@celery_app.task\ndef _f() -> None: ...  # !", sly=True),
        Case(TASKS, "from conventions import queueing\nclass Send(queueing.Task): ...  # !", sly=True),
        Case(TASKS, "from conventions.queueing import base\nclass Send(base.Task): ...  # !", sly=True),
        Case(TASKS, "from celery.app.task import Task as T\nclass Send(T): ...  # !", sly=True),
        Case(TASKS, "send = shared_task(name='bookings.send')(print)  # !", sly=True),
        Case(TASKS, "from celery import Task\nclass Send(Task): ...  # !", sly=True),
        Case(SERVICES, "from functools import partial\nfrom celery import shared_task\njob = partial(shared_task, max_retries=1)\n@job()\ndef _f() -> None: ...  # !", sly=True),
        Case(TASKS, f"{TASK}def t() -> None:\n    services.x()"),
        Case(SERVICES, "def task(f: object) -> None: ...\n@task\ndef _f() -> None: ..."),
    ],
    "tasks_carry_their_full_name": [
        Case(TASKS, "@shared_task(name='send')\ndef late() -> None: ...  # !"),
        Case(TASKS, "from celery import shared_task as job\n@job\ndef late() -> None: ...  # !"),
        Case(TASKS, "@shared_task(name='catalog.late')\ndef late() -> None: ...  # !"),
        Case(TASKS, "NAME = 'bookings.late'\n@shared_task(name=NAME)\ndef late() -> None: ...  # !", sly=True),
        Case(TASKS, "@shared_task(**{'name': 'bookings.late'})\ndef late() -> None: ...  # !", sly=True),
        Case(TASKS, "@shared_task(name='bookings.late')\ndef late() -> None: ..."),
        Case(TASKS, "def _helper() -> None: ..."),
    ],
    "tasks_are_shallow": [
        Case(TASKS, f"{TASK}def t() -> None:  # !\n    print()\n    services.x()"),
        Case(TASKS, f"{TASK}def t() -> None:  # !\n    if True:\n        services.x()"),
        Case(TASKS, f"{TASK}def t() -> None:  # !\n    pass"),
        Case(TASKS, f"{TASK}def t() -> None:  # !\n    services.x()\n    print()", sly=True),
        Case(TASKS, f"{TASK}def t() -> None:  # !\n    print(services.x())", sly=True),
        Case(TASKS, f"{TASK}def t() -> None:  # !\n    services.x(of=services.y())", sly=True),
        Case(TASKS, f"{TASK}def t() -> None:  # !\n    [services.x(i=i) for i in range(9)]", sly=True),
        Case(TASKS, f"{TASK}def t() -> None:  # !\n    services.x() if 1 else services.y()", sly=True),
        Case(TASKS, f"from . import selectors\n{TASK}def t() -> None:  # !\n    services.x(row=selectors.booking(booking_id=1))", sly=True),
        Case(TASKS, f"from apps.catalog import services as c\n{TASK}def t() -> None:  # !\n    c.take_seat()", sly=True),
        Case(TASKS, f'{TASK}def t() -> int:\n    """Words."""\n    return services.x(at=timezone.now())'),
        Case(TASKS, f"from apps.bookings.services import book_seat as b\n{TASK}def t() -> None:\n    b(by=int('1'))"),
    ],
    "tasks_state_their_retries": [
        Case(TASKS, "@shared_task(name='bookings.t', time_limit=9)\ndef t() -> None: ...  # !"),
        Case(TASKS, "@shared_task(name='bookings.t', max_retries=None)\ndef t() -> None: ...  # !"),
        Case(TASKS, "@shared_task(max_retries=1, autoretry_for=(Exception,))  # !\ndef t() -> None: ..."),
        Case(TASKS, "ERRORS = (OSError, BaseException)  # !\n@shared_task(max_retries=1, autoretry_for=ERRORS)\ndef t() -> None: ...", sly=True),
        Case(TASKS, "@shared_task(max_retries=1, retry_kwargs={'max_retries': None})  # !\ndef t() -> None: ...", sly=True),
        Case(TASKS, "@shared_task(max_retries=True)\ndef t() -> None: ...  # !", sly=True),
        Case(TASKS, "MANY = 2 * 5\n@shared_task(max_retries=MANY, autoretry_for=(OSError,))\ndef t() -> None: ..."),
        Case(TASKS, "@shared_task(max_retries=0, retry_kwargs={'countdown': 5})\ndef t() -> None: ..."),
    ],
    "tasks_have_time_limits": [
        Case(TASKS, "@shared_task(max_retries=0)\ndef t() -> None: ...  # !"),
        Case(TASKS, "@shared_task(time_limit=None)\ndef t() -> None: ...  # !"),
        Case(TASKS, "@shared_task(time_limit=0)\ndef t() -> None: ...  # !", sly=True),
        Case(TASKS, "@shared_task(soft_time_limit=9)\ndef t() -> None: ...  # !", sly=True),
        Case(TASKS, "@shared_task(time_limit=60 * 0)\ndef t() -> None: ...  # !", sly=True),
        Case(TASKS, "@shared_task(time_limit=60 * limit())\ndef t() -> None: ...  # !", sly=True),
        Case(TASKS, "@shared_task(time_limit=limit() + 60)\ndef t() -> None: ...  # !", sly=True),
        Case(TASKS, "@shared_task(time_limit=0 + 60)\ndef t() -> None: ..."),
        Case(TASKS, "@shared_task(time_limit=5 * 60)\ndef t() -> None: ..."),
        Case(TASKS, "LIMIT = 60\n@shared_task(time_limit=LIMIT)\ndef t() -> None: ..."),
    ],
    "tasks_take_plain_values": [
        Case(TASKS, f"{TASK}def t(booking_id: int) -> None: ...  # !"),
        Case(TASKS, f'{TASK}def t(*, booking: "Booking") -> None: ...  # !'),
        Case(TASKS, f"{TASK}def t(*, when: timedelta) -> None: ...  # !"),
        Case(TASKS, f"{TASK}def t(*, booking) -> None: ...  # !", sly=True),
        Case(TASKS, f"{TASK}def t(*, bookings: list[timedelta]) -> None: ...  # !", sly=True),
        Case(TASKS, f"{TASK}def t(*bookings: int) -> None: ...  # !", sly=True),
        Case(TASKS, f"{TASK}def t(booking: int, /) -> None: ...  # !"),
        Case(TASKS, "@shared_task(name='bookings.t', bind=False)\ndef t(x: int) -> None: ...  # !", sly=True),
        Case(TASKS, f"{TASK}def t(**booking: object) -> None: ...  # !", sly=True),
        Case(TASKS, "@shared_task(name='bookings.t', bind=True)\ndef t(self: object, *, x: int) -> None: ..."),
        Case(TASKS, f"{TASK}def t(*, sure: bool, ids: list[int] | None = None, of: dict[str, float] = {{}}) -> None: ..."),
        Case(TASKS, f'from typing import Literal, Optional\n{TASK}def t(*, a: Literal["x"], b: Optional[int] = None) -> None: ...'),
    ],
    "tasks_start_after_commit": [
        Case(SERVICES, "def _f() -> None:\n    tasks.send_confirmation.delay(booking_id=1)  # !"),
        Case(VIEWS, "from apps.bookings.tasks import send_confirmation as s\ns.apply_async(kwargs={})  # !"),
        Case(SERVICES, "from celery import current_app\ncurrent_app.send_task('x')  # !"),
        Case(SERVICES, "job = tasks.send_confirmation\njob.delay()  # !", sly=True),
        Case(SERVICES, "transaction.on_commit(tasks.send_confirmation.delay)  # !", sly=True),
        Case(SERVICES, "tasks.send_confirmation.s(booking_id=1).delay()  # !", sly=True),
        Case(SERVICES, "getattr(tasks.send_confirmation, 'delay')()  # !", sly=True),
        Case(SERVICES, "import celery\nX = celery.signature('bookings.send_confirmation')  # !", sly=True),
        Case(SERVICES, "import celery as c\nX = c.group()  # !\nX = c.chain()  # !\nX = c.chord()  # !\nX = c.Signature()  # !", sly=True),
        Case(SERVICES, "tasks.send_confirmation.apply()  # !", sly=True),
        Case(SERVICES, "tasks.send_confirmation.run(booking_id=1)  # !\nX = tasks.send_confirmation.signature()()  # !\nX = tasks.send_confirmation.si()()  # !", sly=True),
        Case(SERVICES, "import subprocess\nX = subprocess.run(['true'])"),
        Case(SERVICES, "from celery import current_app as c\nc.tasks['bookings.send_confirmation'].delay()  # !", sly=True),
        Case(SERVICES, "def _f(board: object) -> None:\n    board.tasks.delay()\n    types.Booking.delay()"),
        Case(SERVICES, "def _f() -> None:\n    tasks.send_confirmation(booking_id=1)  # !", sly=True),
        Case(SERVICES, "def _f() -> None:\n    tasks.send_confirmation.delay_on_commit(booking_id=1)"),
        Case(SERVICES, "def _f(flight: object) -> None:\n    flight.delay(minutes=5)"),
        Case(SERVICES, "from itertools import chain\nX = list(chain([1], [2]))"),
    ],
    "schedules_stand_on_their_task": [
        Case("config/settings.py", 'CELERY_BEAT_SCHEDULE = {"x": {"task": "bookings.gone"}}  # !'),
        Case("config/celery.py", "app.add_periodic_task(60, None)  # !"),
        Case(TASKS, "def plan(sender: object) -> None:\n    sender.add_periodic_task(60, send_confirmation)  # !", sly=True),
        Case("config/settings.py", "CELERY_BEAT_SCHEDULE: dict[str, object] = {}  # !", sly=True),
        Case("config/settings.py", 'CELERY_BEAT_SCHEDULE_FILENAME = "x"'),
        Case("config/settings.py", "# There is no CELERY_BEAT_SCHEDULE: tasks plan themselves."),
        Case(TASKS, "@shared_task(schedule=9, expires=9)\ndef t() -> None: ..."),
    ],
    "schedules_expire": [
        Case(TASKS, "@shared_task(schedule=timedelta(minutes=1))\ndef t() -> None: ...  # !"),
        Case(TASKS, "@shared_task(schedule=1, expires=None)\ndef t() -> None: ...  # !"),
        Case(TASKS, "from celery import shared_task as job\n@job(schedule=1, expires=0)\ndef t() -> None: ...  # !", sly=True),
        Case(TASKS, "@shared_task(schedule=1, expires=5 * 60)\ndef t() -> None: ..."),
        Case(TASKS, "@shared_task(max_retries=1)\ndef t() -> None: ..."),
    ],
    # Caches and models
    "caches_are_declared": [
        Case(SERVICES, "from django.core import cache as c  # !"),
        Case(SELECTORS, "from functools import lru_cache  # !"),
        Case(VIEWS, "from django.views.decorators.cache import cache_page  # !"),
        Case(SERVICES, "def _f() -> None:\n    from django.core.cache import caches  # !"),
        Case(SELECTORS, "import functools as f\n@f.lru_cache  # !\ndef _g() -> None: ...", sly=True),
        Case(SELECTORS, "import functools\n_g = functools.cache(print)  # !", sly=True),
        Case(SERVICES, "import importlib\nC = importlib.import_module('django.core.cache')  # !", sly=True),
        Case(SERVICES, "import redis  # !\nimport django_redis as d  # !\nimport cachetools  # !\nimport diskcache  # !\nimport pymemcache  # !", sly=True),
        Case(SELECTORS, "from conventions.caching import CachedRead\nX = CachedRead()  # !", sly=True),
        Case(SELECTORS, "from conventions.caching.reads import CachedRead\nX = CachedRead()  # !", sly=True),
        Case(SELECTORS, "from conventions.caching import cached_read as r\n@r(name='x', bottleneck='9 ms', invalidated_by=())  # !\ndef _g() -> None: ...", sly=True),
        Case(SELECTORS, "import functools\nclass A:\n    @functools.cached_property\n    def b(self) -> int: ..."),
        Case(VIEWS, "from django.views.decorators.cache import never_cache"),
        Case(CLIENTS, "import redis"),
        Case(SERVICES, "class A:\n    cache = 1\nX = A.cache"),
        Case(SERVICES, "from apps.bookings import types as cache\nX = cache.Booking"),
    ],
    "caches_state_their_bottleneck": [
        Case(CACHES, CACHE.format("''", "'apps.catalog.services.take_seat',")),
        Case(CACHES, "@cached_read(name='catalog.x', version=1, ttl=1)  # !\ndef x() -> int: ..."),
        Case(CACHES, "    bottleneck='x', invalidated_by=('apps.catalog.services.gone',),  # !", "    invalidated_by=CHANGED_BY,"),
        Case(CACHES, CACHE.format("' ... '", "'apps.catalog.services.take_seat',"), sly=True),
        Case(CACHES, f"WHY = '?'\n{CACHE.format('WHY', '')}", sly=True),
        Case(CACHES, '    "apps.catalog.services.take_seats",  # !', '    "apps.catalog.services.take_seat",', sly=True),
        Case(CACHES, CACHE.format("'9 ms'", "'apps.catalog.services.take_seat',").replace("  # !", "")),
        Case(CACHES, CACHE.format("f'{9} ms'", "'apps.catalog.services.take_seat',").replace("  # !", "")),
        Case(CACHES, f"WHY = '9 ms against 1'\n{CACHE.format('WHY', 'CHANGED_BY').replace('  # !', '')}"),
    ],
    "caches_are_forgotten": [
        Case(f"{CATALOG}/services.py", "    _forget_nothing()", "    _forget(taken)", at=(f"{CACHES}:26",)),
        Case(f"{CATALOG}/services.py", "    pass", "    caches.session.invalidate(public_id=session.public_id)", at=(f"{CACHES}:26",)),
        Case(f"{CATALOG}/services.py", "    caches.session(public_id=1)", "    caches.session.invalidate(public_id=session.public_id)", at=(f"{CACHES}:26",), sly=True),
        Case(f"{CATALOG}/services.py", "    print()  # caches.session.invalidate(public_id=session.public_id)", "    caches.session.invalidate(public_id=session.public_id)", at=(f"{CACHES}:26",), sly=True),
        Case(f"{CATALOG}/services.py", "    X = 'caches.session.invalidate'", "    caches.session.invalidate(public_id=session.public_id)", at=(f"{CACHES}:26",), sly=True),
        Case(f"{CATALOG}/services.py", "    from apps.catalog.caches import session as s\n    s.invalidate(public_id=session.public_id)", "    caches.session.invalidate(public_id=session.public_id)"),
        Case(f"{CATALOG}/services.py", "    for one in (caches.session,):\n        one.invalidate(public_id=session.public_id)", "    caches.session.invalidate(public_id=session.public_id)"),
    ],
    "foreign_keys_across_apps_are_guarded": [
        Case(MODELS, f"{SESSION}  # !".replace(', related_name="+"', ""), SESSION),
        Case(MODELS, f"{SESSION}  # !".replace("PROTECT", "CASCADE"), SESSION),
        Case(MODELS, "K = models.ForeignKey('catalog.Session', models.CASCADE, related_name='+')  # !"),
        Case(MODELS, "from django.db.models import OneToOneField as O\nK = O(to='catalog.Session', on_delete=models.PROTECT)  # !", sly=True),
        Case(MODELS, "TO = 'catalog.Session'\nK = models.ForeignKey(TO, models.CASCADE, related_name='+')  # !", sly=True),
        Case(MODELS, "K = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name='+')  # !", sly=True),
        Case(SERVICES, "from django.db import models\nclass M(models.Model):\n    k = models.ManyToManyField('catalog.Session')  # !", sly=True),
        Case(MODELS, "from apps.catalog.models import Session\nK = models.ForeignKey(Session, models.PROTECT, related_name='+')  # !"),
        Case("apps/accounts/models.py", "K = models.ForeignKey('catalog.Session', models.PROTECT, related_name='+')  # !", sly=True),
        Case("apps/catalog/models.py", "class Note(querying.Model):\n    workshop = models.ForeignKey(Workshop, on_delete=models.CASCADE)"),
        Case(MODELS, "PLUS = '+'\nK = models.ForeignKey('catalog.Session', models.PROTECT, related_name=PLUS)"),
        Case(MODELS, "K = models.ForeignKey('self', models.CASCADE), models.ForeignKey('contenttypes.ContentType', models.CASCADE)"),
    ],
    # Waivers
    "waivers_have_a_reason": [
        Case(VIEWS, waiver("doors_do_not_query", TOMORROW), at=(LAST,)),
        Case(VIEWS, waiver("doors_do_not_query", TOMORROW, ":"), at=(LAST,)),
        Case(VIEWS, waiver("doors_do_not_query", TOMORROW, ":   "), at=(LAST,), sly=True),
        Case(VIEWS, waiver("doors_do_not_query", TOMORROW, ": it moves")),
        Case(VIEWS, "# layout: two columns, the list on the left"),
    ],
    "waivers_expire": [
        Case(VIEWS, waiver("doors_do_not_query", YESTERDAY, ": soon"), at=(LAST,)),
        Case(VIEWS, waiver("doors_do_not_query", TODAY + timedelta(days=181), ": soon"), at=(LAST,)),
        Case(VIEWS, waiver("doors_do_not_query", "", ": soon"), at=(LAST,)),
        Case(VIEWS, waiver("doors_do_not_query", "2027-02-30", ": soon"), at=(LAST,), sly=True),
        Case(VIEWS, waiver("doors_do_not_query", "forever", ": soon"), at=(LAST,), sly=True),
        Case(VIEWS, waiver("doors_do_not_query", TODAY, ": soon")),
        Case(VIEWS, waiver("doors_do_not_query", TODAY + timedelta(days=180), ": soon")),
    ],
    "waivers_are_used": [
        Case(VIEWS, waiver("doors_do_not_query", TODAY, ": nothing here"), at=(LAST,)),
        Case(VIEWS, waiver("doors_must_dance", TODAY, ": no such rule"), at=(LAST,)),
        Case(VIEWS, waiver("doors_do_not_query, doors_do_not_write", TODAY, ": two"), at=(LAST,)),
        Case(VIEWS, waiver("waivers_expire", TODAY, ": for good"), at=(LAST,), sly=True),
        Case(VIEWS, f"{MODEL}N = Booking.objects.count()\n{waiver('doors_do_not_query', TODAY, ': the line above')}", at=(LAST,), sly=True),
        Case(VIEWS, f"{MODEL}N = Booking.objects.count()  # layout: allow doors_do_not_query until {TODAY}: it moves"),
        Case(VIEWS, f"{MODEL}def f(b: Booking) -> None:\n    Booking.objects.filter(b.save())  # noqa: X  # layout: allow doors_do_not_query until {TODAY}: it moves  # layout: allow doors_do_not_write until {TODAY}: it moves"),
        Case(VIEWS, 'TEXT = "# layout: allow nothing until never: a text"'),
    ],
}  # fmt: skip
