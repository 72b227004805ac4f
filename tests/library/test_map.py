"""The map of the apps: what it reads, where it draws it, and who may see it."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from tests.library.conftest import fail
from trellis import caching
from trellis.caching.cached_read import declared
from trellis.models import CacheUse
from trellis.web import architecture, drawing
from trellis.web.architecture import App, Item

OWNERS = 'team = "{team}"\npurpose = "{name} & <b>more</b>"\nrunbook = "docs/{name}.md"\n'


def uses(app: App) -> list[Item]:
    return app.parts.get("uses", [])


class Project:
    """A project in a folder, with files as a test needs them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("teams.toml", '[platform]\ncontact = "#platform"\n[curators]\ncontact = "#c"\n')

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def app(self, name: str, *, team: str = "platform", depends_on: str = "") -> None:
        self.write(f"apps/{name}/__init__.py", "")
        owners = OWNERS.format(name=name, team=team) + f"depends_on = [{depends_on}]\n"
        self.write(f"apps/{name}/OWNERS.toml", owners)

    def read(self) -> tuple[dict[str, App], list[str]]:
        apps, faults = architecture.read(root=self.root, live=False)
        return {app.name: app for app in apps}, faults

    def uses(self) -> list[tuple[str, str, str]]:
        return [
            (app.name, use.name, use.kind) for app in self.read()[0].values() for use in uses(app)
        ]


@pytest.fixture
def project(tmp_path: Path, settings: Settings) -> Project:
    """Three apps: orders may use stock, and stock may use people."""
    settings.BASE_DIR = tmp_path
    made = Project(tmp_path)
    made.app("orders", depends_on='"stock"')
    made.app("stock", depends_on='"people"', team="curators")
    made.app("people")
    return made


def names(app: App, part: str) -> list[str]:
    return [item.name for item in app.parts.get(part, [])]


class TestUses:
    @pytest.mark.parametrize(
        ("path", "text"),
        [
            ("services.py", "from apps.people import selectors"),
            ("services.py", "from apps import people"),
            ("services.py", "import apps.people.selectors as people"),
            ("services.py", "def f():\n    from ..people import types"),
            ("services/payments.py", "from ...people.types import Contact"),
            ("models.py", 'row = models.ForeignKey("people.Person")'),
            ("models.py", "row = models.ForeignKey(settings.AUTH_USER_MODEL)"),
            ("templates/orders/list.html", "\n{% url 'people:detail' pk %}"),
            ("templates/orders/mail.txt", '{% include "people/footer.txt" %}'),
        ],
    )
    def test_are_seen_in_the_code(
        self, path: str, text: str, project: Project, settings: Settings
    ) -> None:
        settings.AUTH_USER_MODEL = "people.User"
        project.write(f"apps/orders/{path}", text)

        (place,) = [one.place for one in uses(project.read()[0]["orders"]) if one.name == "people"]

        assert place is not None
        assert (place.path, place.line) == (f"apps/orders/{path}", text.count("\n") + 1)
        if "apps.people" in text:
            assert place.word == "apps.people"

    @pytest.mark.parametrize(
        ("path", "text"),
        [
            ("tests/test_services.py", "from apps.people import selectors"),
            ("migrations/0001_initial.py", 'dependencies = ["people.Person"]'),
            ("services.py", "from apps.orders import people\nfrom people import apps"),
            ("services.py", '"""Like people.Person of apps.people."""'),
            ("services.py", "from apps.gone import selectors"),
            ("services.py", 'log("people.Person")'),
            ("templates/orders/list.html", "{% extends 'base.html' %}{% url 'home' %}"),
        ],
    )
    def test_are_not_seen_where_there_are_none(
        self, path: str, text: str, project: Project
    ) -> None:
        project.write(f"apps/orders/{path}", text)

        assert names(project.read()[0]["orders"], "uses") == ["stock"]

    def test_are_compared_with_what_is_declared(self, project: Project) -> None:
        project.write("apps/orders/services.py", "from apps.stock import selectors")
        project.write("apps/people/services.py", "from apps.orders import selectors")

        assert project.uses() == [
            ("orders", "stock", "used"),
            ("people", "orders", "undeclared"),
            ("stock", "people", "unused"),
        ]
        assert project.read()[0]["orders"].used_by == ["people"]

    def test_are_not_called_undeclared_where_the_declaration_cannot_be_read(
        self, project: Project
    ) -> None:
        project.write("apps/orders/OWNERS.toml", "team = ")
        project.write("apps/orders/services.py", "from apps.people import selectors")

        assert project.uses() == [("orders", "people", "used"), ("stock", "people", "unused")]
        (fault,) = project.read()[1]
        assert "apps/orders/OWNERS.toml:1: it is not valid TOML" in fault


class TestParts:
    def test_are_the_services_selectors_and_owners_of_an_app(self, settings: Settings) -> None:
        apps, faults = architecture.read(root=settings.BASE_DIR, live=False)
        accounts, shop, shared = apps

        assert faults == []
        assert (accounts.team, accounts.contact) == ("platform", "#platform")
        assert accounts.counts == ["1 service", "1 selector"]
        assert names(accounts, "services") == ["register_user"]  # not the class of an error
        assert [(one.name, one.facts) for one in accounts.parts["selectors"]] == [
            ("contact_of", "1 query")
        ]
        assert [(one.name, one.kind) for one in uses(shop)] == [("accounts", "used")]
        assert accounts.used_by == ["shop"]
        assert {"trellis.clean_up", "trellis.republish_unpublished"} <= {*names(shared, "tasks")}

    @pytest.mark.django_db
    def test_say_how_a_task_runs(self, task: Any, settings: Settings) -> None:
        fail(task)
        fail(task, task_id="2")
        apps, _ = architecture.read(root=settings.BASE_DIR, live=True)
        tasks = {one.name: one for one in apps[-1].parts["tasks"]}

        assert tasks["tests.fragile"].facts == "on demand, queue mail, retries none"
        assert tasks["trellis.clean_up"].facts.startswith("cron 0 3 * * * UTC, queue ")
        assert (tasks["tests.fragile"].failed, apps[-1].failed) == (2, 2)

    def test_are_waivers_with_their_end(self, project: Project) -> None:
        project.write(
            "waivers.toml",
            '[[waiver]]\nrule = "a"\npath = "apps/stock/views.py"\n'
            'until = 2030-01-02\nreason = "r"\n'
            '[[waiver]]\nrule = "b"\nuntil = 2030-01-02\nreason = "s"\n'
            '[waiver.count]\n"apps/stock/models.py" = 3\n"config/settings.py" = 1\n',
        )
        apps, faults = project.read()

        assert faults == []
        assert [(one.name, one.facts) for one in apps["stock"].parts["waivers"]] == [
            ("a", "apps/stock/views.py, until 2030-01-02: r"),
            ("b", "apps/stock/models.py, until 2030-01-02: s"),
        ]
        assert names(apps[""], "waivers") == ["b"]

    @pytest.mark.parametrize(
        ("path", "text", "why"),
        [
            ("waivers.toml", "[[waiver", "waivers.toml:1: it is not valid TOML"),
            ("waivers.toml", "waiver = 7", "no table"),
            ("waivers.toml", "[waiver]\nrule = 7", "no table"),
            ("teams.toml", "", "teams.toml:1: it has no team"),
            ("apps/stock/services.py", "def (", "apps/stock/services.py cannot be read"),
            ("apps/stock/services.py", "\0", "apps/stock/services.py cannot be read"),
        ],
    )
    def test_are_shown_as_far_as_they_can_be_read(
        self, path: str, text: str, why: str, project: Project
    ) -> None:
        project.write(path, text)

        apps, faults = project.read()

        assert [*apps] == ["orders", "people", "stock", ""]
        assert why in " ".join(faults) or why == "no table"


def passes(path: str, box: tuple[int, int]) -> bool:
    """Whether an arrow goes through a box, as far as its straight parts and their ends tell."""
    left, top = box
    points = [(int(x), int(y)) for x, y in re.findall(r"(-?\d+) (-?\d+)", path)]
    middle = top + drawing.BOX_HEIGHT / 2
    return any(
        x1 == x2 and left < x1 < left + drawing.BOX_WIDTH and min(y1, y2) < middle < max(y1, y2)
        for (x1, y1), (x2, y2) in pairwise(points)
    )


class TestDrawing:
    def test_puts_each_app_above_those_that_it_uses(self) -> None:
        uses = [("a", "b"), ("b", "c"), ("a", "c"), ("d", "c")]
        drawn = drawing.draw(names="abcde", uses=uses)

        assert all(drawn.boxes[name][1] < drawn.boxes[other][1] for name, other in uses)
        assert len({drawn.boxes[name][1] for name in "ce"}) == 1

    def test_lets_no_arrow_pass_a_box(self) -> None:
        uses = [("a", "b"), ("b", "c"), ("c", "d"), ("a", "c"), ("a", "d"), ("b", "d")]
        drawn = drawing.draw(names="abcd", uses=uses)

        assert [
            (pair, name)
            for pair, path in drawn.arrows.items()
            for name, box in drawn.boxes.items()
            if passes(path, box)
        ] == []

    def test_sorts_a_row_so_that_arrows_do_not_cross(self) -> None:
        drawn = drawing.draw(names="abxy", uses=[("a", "y"), ("b", "x")])

        assert (drawn.boxes["a"] < drawn.boxes["b"]) == (drawn.boxes["y"] < drawn.boxes["x"])

    def test_lets_the_last_arrow_of_a_circle_go_up_beside_the_boxes(self) -> None:
        uses = [("a", "b"), ("b", "c"), ("a", "d"), ("c", "a")]
        drawn = drawing.draw(names="abcd", uses=uses)

        assert drawn.boxes["c"][1] > drawn.boxes["a"][1]
        assert all(drawn.boxes[user][1] < drawn.boxes[other][1] for user, other in uses[:-1])
        assert not passes(drawn.arrows["c", "a"], drawn.boxes["b"])

    @pytest.mark.parametrize("number", [0, 1, 300])
    def test_has_room_for_any_number_of_boxes(self, number: int) -> None:
        apps = [f"app{n:03}" for n in range(number)]
        uses = [(apps[n], apps[m]) for n in range(number) for m in {n // 2, n // 7} if m != n]
        drawn = drawing.draw(names=apps, uses=uses)

        assert {*drawn.boxes} == {*apps}
        assert {*drawn.arrows} == {*uses}
        assert len({*drawn.boxes.values()}) == number
        rows: dict[int, list[int]] = {}
        for left, top in drawn.boxes.values():
            assert 0 <= left <= drawn.width - drawing.BOX_WIDTH
            assert top + drawing.BOX_HEIGHT < drawn.legend < drawn.height
            rows.setdefault(top, []).append(left)
        for lefts in rows.values():
            lefts.sort()
            assert all(b - a > drawing.BOX_WIDTH for a, b in pairwise(lefts))


class TestCommand:
    def test_writes_the_same_picture_each_time(self, project: Project) -> None:
        (project.root / "docs").mkdir()
        for file in ("first.svg", "second.svg"):
            call_command("map", verbosity=0)
            (project.root / "docs/map.svg").rename(project.root / file)

        first, second = ((project.root / one).read_bytes() for one in ("first.svg", "second.svg"))
        assert first == second
        picture = ElementTree.fromstring(first)  # noqa: S314  # written a moment ago, by us
        texts = " ".join(picture.itertext())
        for words in ("The apps of Sample", "orders uses stock (declared in", "curators"):
            assert words in texts
        assert b"href" not in first

    def test_needs_no_database(self, project: Project) -> None:
        (project.root / "docs").mkdir()

        call_command("map", verbosity=0)  # pytest-django refuses the database here


@pytest.fixture
def staff(client: Client) -> Client:
    user = get_user_model().objects.create(email="staff@example.org", is_staff=True)
    client.force_login(user)
    return client


@pytest.fixture
def no_database(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    def refuse() -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(connection, "ensure_connection", refuse)


def text_of(client: Client, path: str = "", status: int = 200) -> str:
    response = client.get(f"/_map/{path}")
    assert response.status_code == status
    return response.content.decode()


@pytest.mark.django_db
class TestAccess:
    @pytest.mark.parametrize("path", ["", "apps/accounts/services.py", "docs/runbooks/accounts.md"])
    def test_is_for_staff(self, path: str, client: Client) -> None:
        response = client.get(f"/_map/{path}")
        assert (response.status_code, response["Location"].partition("?")[0]) == (
            302,
            "/accounts/login/",
        )
        client.force_login(get_user_model().objects.create(email="ada@example.org"))
        text_of(client, path, status=403)

    def test_is_for_everybody_on_a_development_server(
        self, client: Client, settings: Settings
    ) -> None:
        settings.DEBUG = True

        assert "contact_of" in text_of(client)


@pytest.mark.django_db
class TestPage:
    def test_shows_the_figures_of_now(self, task: Any, admin_client: Client) -> None:
        @caching.cached_read(
            name="x.y", version=1, ttl=9, bottleneck="4 <joins>", invalidated_by=()
        )
        def x() -> str:
            return ""

        try:
            fail(task)
            CacheUse.objects.create(name="x.y", day=timezone.now().date(), hits=3, loads=1)
            text = text_of(admin_client)
        finally:
            del declared["x.y"]

        assert "4 &lt;joins&gt;; 75.0% hits of 4 reads in 7 days" in text
        (failed,) = re.findall('href="([^"]*)">1 failed', text)
        failures = admin_client.get(failed.replace("&amp;", "&")).content.decode()
        assert "1 failed task" in failures

    def test_marks_what_is_not_declared(self, project: Project, staff: Client) -> None:
        project.write("apps/people/services.py", "from apps.orders import selectors")

        text = text_of(staff)

        assert text.count('class="arrow undeclared"') == 2  # and one in the legend
        assert text.count('class="arrow unused"') == 3
        assert "people uses orders (not declared in OWNERS.toml)" in text

    def test_escapes_what_the_files_say(self, project: Project, staff: Client) -> None:
        project.write("waivers.toml", '[[waiver]]\nrule = "<i>"\npath = "apps/<u>"\n')

        text = text_of(staff)

        assert "orders &amp; &lt;b&gt;more&lt;/b&gt;" in text
        assert not re.search("<[biu]>", text)

    def test_says_what_it_cannot_read(self, project: Project, staff: Client) -> None:
        project.write("apps/stock/OWNERS.toml", "")

        assert '<p role="alert">' in text_of(staff)

    def test_says_that_the_database_is_away(
        self, no_database: None, client: Client, settings: Settings
    ) -> None:
        settings.DEBUG = True

        assert "The database cannot be reached: failed tasks and" in text_of(client)


@pytest.mark.django_db
class TestLinks:
    def test_lead_to_the_files(self, staff: Client, settings: Settings) -> None:
        settings.DEBUG = True
        links = re.findall(r'href="/_map/([^"#]+)', text_of(staff))

        assert {"apps/accounts/services.py", "apps/shop/OWNERS.toml", "docs/runbooks/shop.md"} <= {
            *links
        }
        for link in links:
            assert text_of(staff, link) == (settings.BASE_DIR / link).read_text()

    def test_show_runbooks_but_no_code_in_production(
        self, staff: Client, settings: Settings
    ) -> None:
        links = {*re.findall(r'href="/_map/([^"#]+)', text_of(staff))}

        assert links == {"docs/runbooks/accounts.md", "docs/runbooks/shop.md"}
        assert text_of(staff, "docs/runbooks/shop.md").startswith("#")
        assert "apps/accounts/services.py:14" in text_of(staff)
        text_of(staff, "apps/accounts/services.py", status=404)

    @pytest.mark.parametrize(
        "path", ["config/settings.py", "../../../conftest.py", ".env", "apps/accounts/apps.py", "/"]
    )
    def test_lead_nowhere_else(self, path: str, staff: Client, settings: Settings) -> None:
        settings.DEBUG = True

        text_of(staff, path, status=404)

    def test_lead_to_the_repository_where_it_is_known(
        self, staff: Client, settings: Settings
    ) -> None:
        settings.SOURCE_URL = "https://example.com/{path}#L{line}"

        text = text_of(staff)

        assert 'href="https://example.com/apps/accounts/services.py#L14"' in text
        assert "/_map/" not in text


class TestLink:
    def test_is_left_out_where_there_is_no_file(self) -> None:
        assert Item("trellis.clean_up", None).link == "trellis.clean_up"
