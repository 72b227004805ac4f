"""The map of the apps: what it reads, where it draws it, and who may see it."""

import re
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from tests.library.conftest import fail
from trellis import caching
from trellis.caching.cached_read import declared
from trellis.models import CacheUse
from trellis.web import architecture
from trellis.web.architecture import App, Item
from trellis.web.map import HEIGHT, RIGHT, picture

OWNERS = 'team = "{team}"\npurpose = "{name} & <b>more</b>"\nrunbook = "docs/{name}.md"\n'


def uses(app: App) -> list[Item]:
    return app.parts.get("uses", [])


def by_name() -> dict[str, App]:
    return {app.name: app for app in architecture.read(hits={})}


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

    def uses(self) -> list[tuple[str, str, str]]:
        return [(app.name, use.name, use.facts) for app in by_name().values() for use in uses(app)]


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
            ("templates/orders/list.html", "\n{% url 'people:detail' pk %}"),
            ("templates/orders/mail.txt", '{% include "people/footer.txt" %}'),
        ],
    )
    def test_are_seen_in_the_code(self, path: str, text: str, project: Project) -> None:
        project.write(f"apps/orders/{path}", text)

        (use,) = [one for one in uses(by_name()["orders"]) if one.name == "people"]

        assert use.facts == "undeclared"
        assert (use.path, use.line) == (f"apps/orders/{path}", text.count("\n") + 1)

    def test_are_relations_of_models(self, settings: Settings) -> None:
        (use,) = uses(by_name()["shop"])

        assert (use.name, use.facts, use.path) == ("accounts", "", "apps/shop/models.py")

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

        assert names(by_name()["orders"], "uses") == ["stock"]

    def test_are_compared_with_what_is_declared(self, project: Project) -> None:
        project.write("apps/orders/services.py", "from apps.stock import selectors")
        project.write("apps/people/services.py", "from apps.orders import selectors")

        assert project.uses() == [
            ("orders", "stock", ""),
            ("people", "orders", "undeclared"),
            ("stock", "people", "unused"),
        ]

    def test_are_the_declared_ones_in_production(
        self, project: Project, settings: Settings
    ) -> None:
        settings.PRODUCTION = True
        project.write("apps/people/services.py", "from apps.orders import selectors")

        assert project.uses() == [("orders", "stock", ""), ("stock", "people", "")]


class TestParts:
    def test_are_the_services_selectors_and_owners_of_an_app(self) -> None:
        accounts, shop, shared = architecture.read(hits={})

        assert (accounts.owners["team"], accounts.owners["contact"]) == ("platform", "#platform")
        assert names(accounts, "services") == ["register_user"]  # not the class of an error
        assert names(shop, "documents") == ["apps/shop/OWNERS.toml", "docs/runbooks/shop.md"]
        assert [(one.name, one.facts) for one in accounts.parts["selectors"]] == [
            ("contact_of", "queries: 1")
        ]
        assert {"trellis.clean_up", "trellis.republish_unpublished"} <= {*names(shared, "tasks")}

    def test_say_how_a_task_runs(self, task: Any) -> None:
        tasks = {one.name: one.facts for one in by_name()[""].parts["tasks"]}

        assert tasks["tests.fragile"] == "on demand, queue mail, retries none"
        assert tasks["trellis.clean_up"].startswith("cron 0 3 * * * UTC, queue ")

    def test_are_waivers_with_their_end(self, project: Project) -> None:
        until = timezone.now().date() + timedelta(days=9)
        project.write(
            "waivers.toml",
            f'[[waiver]]\nrule = "layers_point_down"\npath = "apps/stock/views.py"\n'
            f'until = {until}\nreason = "r"\n'
            f'[[waiver]]\nrule = "doors_stay_thin"\nuntil = {until}\nreason = "s"\n'
            '[waiver.count]\n"apps/stock/api.py" = 3\n"config/settings.py" = 1\n',
        )
        apps = by_name()

        assert [(one.name, one.facts) for one in apps["stock"].parts["waivers"]] == [
            ("layers_point_down", f"apps/stock/views.py, until {until}: r"),
            ("doors_stay_thin", f"apps/stock/api.py, until {until}: s"),
        ]
        assert names(apps[""], "waivers") == ["doors_stay_thin"]


def picture_of(depends_on: dict[str, str], undeclared: dict[str, str] | None = None) -> Any:
    """Return what is drawn of apps whose names are letters."""
    return picture(
        [
            App(
                name,
                {"team": "platform", "depends_on": [*declared]},
                {
                    "uses": [Item(one) for one in declared]
                    + [Item(one, "undeclared") for one in (undeclared or {}).get(name, "")]
                },
            )
            for name, declared in depends_on.items()
        ]
    )


class TestPicture:
    def test_puts_each_app_above_those_that_it_uses(self) -> None:
        depends_on = {"c": "", "a": "bc", "b": "c", "d": "c"}
        tops = {app.name: top for app, top, _ in picture_of(depends_on)["boxes"]}

        assert all(tops[one] < tops[other] for one in depends_on for other in depends_on[one])

    def test_lets_an_undeclared_arrow_go_up_and_draws_it_last(self) -> None:
        drawn = picture_of({"a": "b", "b": "", "c": ""}, undeclared={"b": "a", "a": "c"})
        tops = {app.name: top for app, top, _ in drawn["boxes"]}

        assert tops["a"] < tops["b"]
        assert [use.facts for _, use, _ in drawn["arcs"]] == ["", "undeclared", "undeclared"]

    def test_is_drawn_of_a_circle_too(self) -> None:
        assert len(picture_of({"a": "b", "b": "a"})["arcs"]) == 2

    @pytest.mark.parametrize("number", [0, 1, 300])
    def test_has_room_for_any_number_of_apps(self, number: int) -> None:
        letters = [chr(0x4E00 + n) for n in range(number)]
        drawn = picture_of(
            {
                each: "".join({letters[n // 2], letters[n // 7]} - {each})
                for n, each in enumerate(letters)
            }
        )
        tops = sorted(top for _, top, _ in drawn["boxes"])

        assert len(tops) == number
        assert all(after - before > HEIGHT for before, after in pairwise(tops))
        assert not tops or tops[-1] + HEIGHT < drawn["legend"]
        for _, _, arc in drawn["arcs"]:
            xs = [int(x) for x in re.findall(r"(\d+) \d+", arc)]
            assert RIGHT <= min(xs) <= max(xs) <= drawn["width"]


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
        for words in ("The apps of Sample", "orders uses stock (unused)", "curators"):
            assert words in texts
        assert b"href" not in first

    def test_needs_no_database(self, project: Project) -> None:
        (project.root / "docs").mkdir()

        call_command("map", verbosity=0)  # pytest-django refuses the database here

    def test_says_what_it_cannot_read(self, project: Project) -> None:
        project.write("apps/stock/OWNERS.toml", "")

        with pytest.raises(CommandError, match=r"apps/stock/OWNERS\.toml:1: it has no team"):
            call_command("map", verbosity=0)


@pytest.fixture
def staff(client: Client) -> Client:
    user = get_user_model().objects.create(email="staff@example.org", is_staff=True)
    client.force_login(user)
    return client


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
        text_of(client, path, status=302)

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

        assert text.count('class="arc undeclared"') == 2  # and one in the legend
        assert text.count('class="arc unused"') == 3
        assert "people uses orders (undeclared)" in text
        assert "declared uses" not in text

    def test_says_in_production_that_its_arrows_are_the_declared_ones(
        self, staff: Client, settings: Settings
    ) -> None:
        settings.PRODUCTION = True

        assert "These are the declared uses" in text_of(staff)

    def test_escapes_what_the_files_say(self, project: Project, staff: Client) -> None:
        text = text_of(staff)

        assert "orders &amp; &lt;b&gt;more&lt;/b&gt;" in text
        assert "<b>" not in text

    def test_says_what_it_cannot_read(self, project: Project, staff: Client) -> None:
        project.write("apps/stock/OWNERS.toml", "")

        assert "stock/OWNERS.toml:1: it has no team" in text_of(staff)


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

    @pytest.mark.parametrize("path", ["apps/accounts/services.py", "docs/runbooks/shop.md"])
    def test_are_not_shown_in_production(self, path: str, staff: Client) -> None:
        assert 'href="/_map/' not in text_of(staff)
        text_of(staff, path, status=404)

    @pytest.mark.parametrize(
        "path",
        [
            "config/settings.py",
            "../../../conftest.py",
            ".env",
            "apps/../conftest.py",
            "apps/none.py",
            "/",
        ],
    )
    def test_lead_nowhere_else(self, path: str, staff: Client, settings: Settings) -> None:
        settings.DEBUG = True

        text_of(staff, path, status=404)

    def test_lead_to_the_repository_where_it_is_known(
        self, staff: Client, settings: Settings
    ) -> None:
        settings.SOURCE_URL = "https://example.com/{path}#L{line}"

        text = text_of(staff)

        assert 'href="https://example.com/apps/accounts/services.py#L13"' in text
        assert "/_map/" not in text
