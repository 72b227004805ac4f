"""What running code must not do, in development and in tests."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from celery import Task, current_app, shared_task
from django.apps import apps
from django.contrib import auth
from django.contrib.contenttypes.models import ContentType
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.management import call_command
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import path
from django.utils.functional import SimpleLazyObject
from pytest_django import Settings

from apps.accounts.models import User
from apps.shop.models import Item
from tests.library.checks.conftest import Write, marked
from tests.library.checks.guard_cases import HEAD, RUN, cases
from trellis.checks import guards
from trellis.checks.guards import RuleBroken
from trellis.reads.gate import no_queries


def parameters(rule: str) -> list[Any]:
    return [
        pytest.param(layer, code, id=f"{layer} {number}")
        for number, (layer, code) in enumerate(cases(rule), 1)
    ]


def count_items(request: HttpRequest) -> HttpResponse:
    """A view of a package: this file is not in the project."""
    return HttpResponse(Item.objects.count())


urlpatterns = [path("", count_items)]


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("ada@example.com", "old")


@pytest.fixture
def item(user: User) -> Item:
    return Item.objects.create(name="spade", seller=user)


@pytest.fixture
def request_of_user(user: User) -> HttpRequest:
    """A request whose session and user are loaded when they are first used, as in a view."""
    request = RequestFactory().get("/")
    request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]
    SessionMiddleware(lambda request: HttpResponse()).process_request(request)
    auth.login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    key = request.session.session_key
    request.session.save()
    request.session = type(request.session)(key)
    MessageMiddleware(lambda request: HttpResponse()).process_request(request)
    request.user = SimpleLazyObject(lambda: auth.get_user(request))  # type: ignore[assignment]
    ContentType.objects.clear_cache()
    return request


class Case:
    """Runs the code of a case."""

    def __init__(self, write: Write, item: Item, request: HttpRequest, user: User) -> None:
        self.write, self.given = write, (item, request, user)

    def run(self, layer: str, code: str, *, app: str = "garden") -> None:
        self.write(HEAD + code, name=layer, app=app).run(*self.given)

    def broken(self, rule: str, layer: str, code: str, *, app: str = "garden") -> str:
        """Run a case that must break a rule; return the message."""
        module = self.write(HEAD + code, name=layer, app=app)
        with pytest.raises(RuleBroken) as error:
            module.run(*self.given)
        (line,) = marked(module)
        place = f"apps/{app}/{layer.replace('.', '/')}.py:{line}"
        message = str(error.value)
        assert message.startswith(f"{place}: {rule}: "), message
        return message


@pytest.fixture
def case(write: Write, item: Item, request_of_user: HttpRequest, user: User) -> Case:
    return Case(write, item, request_of_user, user)


class TestDoors:
    @pytest.mark.parametrize(("layer", "code"), parameters("doors_do_not_query"))
    def test_refuses_a_query(self, case: Case, layer: str, code: str) -> None:
        message = case.broken("doors_do_not_query", layer, code)

        assert message.endswith("Call a selector (apps/garden/selectors.py).")

    @pytest.mark.parametrize(("layer", "code"), parameters("near doors_do_not_query"))
    def test_accepts_a_read(self, case: Case, layer: str, code: str) -> None:
        case.run(layer, code)

    @pytest.mark.parametrize(("layer", "code"), parameters("doors_do_not_write"))
    def test_refuses_a_write(self, case: Case, layer: str, code: str) -> None:
        message = case.broken("doors_do_not_write", layer, code)

        assert message.endswith("Call a service (apps/garden/services.py).")

    @pytest.mark.parametrize(("layer", "code"), parameters("near doors_do_not_write"))
    def test_accepts_a_write(self, case: Case, layer: str, code: str) -> None:
        case.run(layer, code)

    def test_accept_what_a_package_does_inside_of_a_middleware(
        self, write: Write, item: Item, client: Client, settings: Settings
    ) -> None:
        write(
            "def middleware(get_response):\n    return lambda request: get_response(request)",
            name="middleware",
        )
        settings.MIDDLEWARE = ["apps.garden.middleware.middleware"]
        settings.ROOT_URLCONF = __name__

        assert client.get("/").content == b"1"


class TestSelectors:
    @pytest.mark.parametrize(("layer", "code"), parameters("selectors_only_read"))
    def test_refuse_a_write_and_a_lock(self, case: Case, layer: str, code: str) -> None:
        message = case.broken("selectors_only_read", layer, code)

        assert message.endswith("Move it to apps/garden/services.py.")

    @pytest.mark.parametrize(("layer", "code"), parameters("near selectors_only_read"))
    def test_accept_a_read(self, case: Case, layer: str, code: str) -> None:
        call_command("createcachetable")
        case.run(layer, code)


class TestServices:
    @pytest.mark.parametrize(("layer", "code"), parameters("apps_write_their_own_tables"))
    def test_refuse_to_write_to_tables_of_other_apps(
        self, case: Case, layer: str, code: str
    ) -> None:
        message = case.broken("apps_write_their_own_tables", layer, code)

        assert message.endswith(("Call a service of shop.", "Call a service of accounts."))

    @pytest.mark.parametrize(("layer", "code"), parameters("near apps_write_their_own_tables"))
    def test_accept_tables_of_packages(self, case: Case, layer: str, code: str) -> None:
        case.run(layer, code)

    def test_accept_their_own_tables(self, case: Case) -> None:
        code = f"{RUN}item.rename('b')\n    item.delete()"

        case.run("services", code, app="shop")

    def test_accept_the_foreign_keys_that_django_sets_to_null(
        self, case: Case, item: Item, user: User
    ) -> None:
        item.reviewer = User.objects.create_user("eve@example.com")
        item.save()
        code = f"{RUN}item.reviewer.delete()"

        case.run("services", code, app="accounts")

        item.refresh_from_db()
        assert item.reviewer is None

    def test_refuse_to_write_next_to_a_deletion(self, case: Case) -> None:
        code = f"{RUN}item.delete()  # !"

        case.broken("apps_write_their_own_tables", "services", code, app="accounts")


ROWS = {
    "breaks": [
        "return Item.objects.get(pk=item.pk)",
        "return list(Item.objects.all())",
        "return Item.objects.all()",
        "return {'item': [Item.objects.first()]}",
        "return Found(rows=(Item.objects.first(),))",
        "return [None, 1, 'a', Item.objects.first()]",
    ],
    "near": [
        "return reads.promised(Item.objects.all())",
        "return list(reads.promised(Item.objects.all()))",
        "return Item.objects.values('name')",
        "return list(Item.objects.values_list('name', flat=True))",
        "return Found(rows=Item.objects.count())",
        "return Item(name='new')",
        "return None",
        "return reads.page(Item.objects.all(), order=['id'], size=2, cursor='', into=lambda r: r)",
    ],
}
FOUND = "@dataclass(frozen=True)\nclass Found:\n    rows: Any\n"
CALL = f"\n{RUN}find(item)"


class TestRowsOfASelector:
    @pytest.mark.parametrize("body", ROWS["breaks"])
    def test_are_refused_unless_they_are_promised(self, case: Case, body: str) -> None:
        selector = f"@reads.selector(queries=1)  # !\ndef find(item) -> list:\n    {body}"

        message = case.broken("selectors_promise_their_rows", "selectors", FOUND + selector + CALL)

        assert "find returns rows of Item" in message

    @pytest.mark.parametrize("body", ROWS["near"])
    def test_are_accepted(self, case: Case, body: str) -> None:
        selector = f"@reads.selector(queries=1)\ndef find(item):\n    {body}"

        case.run("selectors", FOUND + selector + CALL)

    def test_are_not_looked_at_in_production(self, case: Case, settings: Settings) -> None:
        settings.PRODUCTION = True
        selector = f"@reads.selector(queries=1)\ndef find(item):\n    {ROWS['breaks'][0]}"

        case.run("selectors", selector + CALL)


@pytest.fixture
def remind() -> Iterator[Any]:
    @shared_task(name="tests.remind", max_retries=0)
    def remind(*, item_id: int) -> None: ...

    yield current_app.tasks["tests.remind"]
    del current_app.tasks["tests.remind"]


TASK = "from celery import current_app, group\nremind = current_app.tasks['tests.remind']\n"


class TestPublishing:
    @pytest.mark.parametrize(
        "call",
        [
            "remind.delay(item_id=1)",
            "remind.apply_async(kwargs={'item_id': 1})",
            "current_app.send_task('tests.remind', kwargs={'item_id': 1})",
            "group(remind.s(item_id=1)).apply_async()",
        ],
    )
    def test_is_refused_inside_a_transaction(self, case: Case, remind: Any, call: str) -> None:
        code = f"{TASK}{RUN}with transaction.atomic():\n        {call}  # !"

        message = case.broken("no_publishing_in_a_transaction", "services", code)

        assert "publishes tests.remind inside a transaction." in message

    def test_is_refused_of_eager_tasks_too(
        self, case: Case, remind: Any, eager_tasks: None
    ) -> None:
        code = f"{TASK}@transaction.atomic\n{RUN}remind.delay(item_id=1)  # !"

        case.broken("no_publishing_in_a_transaction", "services", code)

    def test_is_accepted_on_commit_and_outside_of_transactions(
        self, case: Case, remind: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        code = (
            f"{TASK}{RUN}with transaction.atomic():\n"
            "        remind.delay_on_commit(item_id=1)\n    remind.delay(item_id=2)"
        )

        with django_capture_on_commit_callbacks(execute=True) as callbacks:
            case.run("services", code)

        assert len(callbacks) == 1

    @pytest.mark.django_db(transaction=True)
    def test_is_accepted_when_a_transaction_has_committed(self, case: Case, remind: Any) -> None:
        code = f"{TASK}@transaction.atomic\n{RUN}remind.delay_on_commit(item_id=1)"

        case.run("services", code)

    def test_is_accepted_in_a_test(self, case: Case, remind: Any) -> None:
        code = f"{TASK}@transaction.atomic\n{RUN}remind.delay(item_id=1)"

        case.run("tests.test_tasks", code)


NETWORK = f"""\
import smtplib, socket, urllib.request
from django.core.mail import EmailMessage, send_mail
@transaction.atomic
{RUN}call()
"""


class TestNetwork:
    @pytest.fixture(autouse=True)
    def mails_stay_in_memory(self, settings: Settings) -> None:
        backend = "django.core.mail.backends.locmem.EmailBackend"
        settings.MAILERS = {"default": {"BACKEND": backend}}

    @pytest.mark.parametrize(
        ("call", "what"),
        [
            ("socket.create_connection(('127.0.0.1', 1))", "connects to 127.0.0.1:1"),
            ("urllib.request.urlopen('http://127.0.0.1:1/')", "connects to 127.0.0.1:1"),
            ("smtplib.SMTP('127.0.0.1', 1)", "connects to 127.0.0.1:1"),
            ("send_mail('a', 'b', None, ['c@example.com'])", "sends a mail"),
            ("EmailMessage('a', 'b', None, ['c@example.com']).send()", "sends a mail"),
        ],
    )
    def test_is_refused_inside_a_transaction(self, case: Case, call: str, what: str) -> None:
        code = f"{NETWORK}def call():\n    {call}  # !"

        message = case.broken("no_network_in_a_transaction", "services", code)

        assert f"{what} inside a transaction." in message

    @pytest.mark.parametrize(
        "call", ["socket.gethostname()", "socket.socket(socket.AF_INET).close()", "str(NEW)"]
    )
    def test_is_not_what_only_computes(self, case: Case, call: str) -> None:
        case.run("services", f"{NETWORK}def call():\n    {call}")

    def test_is_accepted_outside_of_transactions(self, case: Case) -> None:
        code = (
            f"{NETWORK}{RUN}send_mail('a', 'b', None, ['c@example.com'])\n"
            "    socket.create_connection(('127.0.0.1', 1))"
        )

        with pytest.raises(ConnectionRefusedError):
            case.run("services", code)

    def test_of_a_socket_in_a_file_is_accepted(self, case: Case, tmp_path: Path) -> None:
        code = f"{NETWORK}def call():\n    socket.socket(socket.AF_UNIX).connect('{tmp_path}/x')"

        with pytest.raises(FileNotFoundError):
            case.run("services", code)


BREAKS = f"{RUN}Item.objects.count()"
WAIVER = """
[[waiver]]
rule = "doors_do_not_query"
path = "apps/garden/{}"
reason = "soon"
until = {}
"""


class TestReport:
    def test_is_silent_where_the_rule_is_waived(self, case: Case, root: Path) -> None:
        today = datetime.now(UTC).date()
        (root / "waivers.toml").write_text(WAIVER.format("views.py", today))

        case.run("views", BREAKS)

    def test_obeys_a_waiver_for_its_own_lines_only(self, case: Case, root: Path) -> None:
        today = datetime.now(UTC).date()
        (root / "waivers.toml").write_text(WAIVER.format("api.py", today))

        case.broken("doors_do_not_query", "views", f"{BREAKS}  # !")

    def test_notices_that_the_waiver_is_gone(self, case: Case, root: Path) -> None:
        (root / "waivers.toml").write_text(WAIVER.format("views.py", datetime.now(UTC).date()))
        case.run("views", BREAKS)
        (root / "waivers.toml").unlink()

        case.broken("doors_do_not_query", "views", f"{BREAKS}  # !")

    def test_is_silent_where_the_rule_is_disabled(self, case: Case, root: Path) -> None:
        (root / "pyproject.toml").write_text('[tool.trellis]\ndisable = ["doors_do_not_query"]\n')

        case.run("views", BREAKS)

    def test_knows_the_modules_that_a_project_adds(self, case: Case, root: Path) -> None:
        (root / "pyproject.toml").write_text(
            '[tool.trellis]\nextra_modules = { pages = "doors" }\n'
        )

        case.broken("doors_do_not_query", "pages", f"{BREAKS}  # !")


class TestInstall:
    @pytest.mark.django_db(transaction=True)
    def test_watches_a_connection_that_is_opened_while_others_watch(self) -> None:
        connection = transaction.get_connection()
        connection.close()
        connection.execute_wrappers.clear()

        with no_queries("a test"):
            connection.connect()

        assert connection.execute_wrappers == [guards._watch_query]

    def test_watches_each_connection_and_each_method_once(self, db: None) -> None:
        before = Task.apply_async

        guards.install()

        wrappers = transaction.get_connection().execute_wrappers
        assert wrappers.count(guards._watch_query) == 1
        assert Task.apply_async is before

    def test_is_not_done_in_production(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        installed: list[bool] = []
        monkeypatch.setattr(guards, "install", lambda: installed.append(True))

        for settings.PRODUCTION in (True, False):
            apps.get_app_config("trellis").ready()

        assert installed == [True]

    def test_is_not_even_loaded_in_production(self, tmp_path: Path) -> None:
        (tmp_path / "live.py").write_text("from config.settings import *\nPRODUCTION = True\n")
        code = (
            "import django, sys; django.setup(); import config.urls\n"
            "unwanted = ('trellis.checks', 'trellis.testing', 'trellis.commands', 'pytest')\n"
            "print([name for name in sys.modules if name.startswith(unwanted)])"
        )
        sample = Path(str(import_module("config").__file__)).parent.parent
        environment = {"DJANGO_SETTINGS_MODULE": "live", "PYTHONPATH": f"{tmp_path}:{sample}"}

        loaded = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True
        )

        assert (loaded.stdout, loaded.stderr) == ("[]\n", "")
