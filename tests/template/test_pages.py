"""Pages as a screen reader gets them, what the admin permits, and what validators refuse."""

import json
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.template.living import python
from tests.template.rendered import OURS, Rendered

VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}


@pytest.fixture(scope="module")
def pages(rendered: Rendered) -> dict[str, "Page"]:
    return {name: Page(rendered.pages[name][0]) for name in OURS}


class Page(HTMLParser):
    """A page, taken apart."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[tuple[str, dict[str, str]]] = []
        self.faults: list[str] = []
        self.labelled: set[int] = set()  # elements inside of a label
        self.words: Counter[int] = Counter()  # letters of visible text in an element
        self.numbers: list[int] = []  # of the open elements
        self.feed(text)
        self.close()
        self.faults += [f"<{tag}> is not closed" for tag, _ in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        number = len(self.elements)
        attributes = {name: value or "" for name, value in attrs}
        self.elements.append((tag, attributes))
        if any(name == "label" for name, _ in self.open):
            self.labelled.add(number)
        if tag not in VOID:
            self.open.append((tag, attributes))
            self.numbers.append(number)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1][0] != tag:
            self.faults.append(f"</{tag}> closes nothing")
            return
        self.open.pop()
        self.numbers.pop()

    def handle_data(self, data: str) -> None:
        for number in self.numbers:
            self.words[number] += len(data.strip())

    def all(self, *tags: str) -> list[tuple[int, dict[str, str]]]:
        """Return the elements of these tags, with their numbers."""
        return [(n, attributes) for n, (tag, attributes) in enumerate(self.elements) if tag in tags]


@pytest.mark.parametrize("name", OURS)
class TestPage:
    def test_is_well_formed(self, name: str, pages: dict[str, Page]) -> None:
        page = pages[name]
        ids = Counter(attributes["id"] for _, attributes in page.elements if "id" in attributes)

        assert page.text.lstrip().lower().startswith("<!doctype html>")
        assert page.faults == []
        assert [one for one, count in ids.items() if count > 1] == []

    def test_tells_its_language_title_and_main_part(
        self, name: str, pages: dict[str, Page]
    ) -> None:
        page = pages[name]

        assert page.all("html")[0][1]["lang"] == "en"
        assert "width=device-width" in json.dumps(page.all("meta"))
        for tag in ("title", "h1", "main"):
            (number, _), *others = page.all(tag)
            assert not others or tag == "title"  # pictures have titles, too
            assert page.words[number], tag
        assert all(attributes.get("aria-label") for _, attributes in page.all("nav"))

    def test_names_everything_that_can_be_used(self, name: str, pages: dict[str, Page]) -> None:
        page = pages[name]

        for number, attributes in page.all("a", "button", "th"):
            assert page.words[number] or attributes.get("aria-label"), attributes
        labels = {attributes.get("for") for _, attributes in page.all("label")} - {None}
        for number, attributes in page.all("input", "select", "textarea"):
            if attributes.get("type") not in ("hidden", "submit"):
                is_labelled = number in page.labelled or attributes.get("id") in labels
                assert is_labelled or attributes.get("aria-label"), attributes
        assert all("alt" in attributes for _, attributes in page.all("img"))

    def test_needs_nothing_that_its_security_policy_blocks(
        self, name: str, pages: dict[str, Page]
    ) -> None:
        page = pages[name]

        assert page.all("style") == []
        for tag, attributes in page.elements:
            assert "style" not in attributes
            assert not [one for one in attributes if one.startswith("on")]
            for source in (attributes.get("src", ""), attributes.get("href", "")) * (tag != "a"):
                assert not source.startswith(("http:", "https:", "//", "javascript:")), source

    def test_protects_its_forms(self, name: str, pages: dict[str, Page]) -> None:
        page = pages[name]
        posting = [a for _, a in page.all("form") if a.get("method", "").lower() == "post"]
        tokens = [a for _, a in page.all("input") if a.get("name") == "csrfmiddlewaretoken"]

        assert len(tokens) == len(posting)


class TestWords:
    def test_of_a_visitor_are_escaped(self, pages: dict[str, Page]) -> None:
        assert "&lt;b&gt;none&lt;/b&gt;" in pages["no sessions"].text
        assert "<b>none" not in pages["no sessions"].text

    def test_of_a_refusal_are_announced(self, pages: dict[str, Page]) -> None:
        for name, role in (
            ("sign in, refused", "alert"),
            ("refused", "alert"),
            ("booked", "status"),
        ):
            assert f'role="{role}"' in pages[name].text, name

    def test_let_a_password_be_filled_in_and_not_be_read(self, pages: dict[str, Page]) -> None:
        fields = {a["name"]: a for _, a in pages["sign in"].all("input")}

        assert fields["password"]["type"] == "password"
        assert fields["password"]["autocomplete"] == "current-password"
        assert fields["username"]["autocomplete"] == "username"


ADMIN = """
import json
from django.contrib import admin
from django.test import RequestFactory
from apps.accounts.models import User

def permissions(user):
    request = RequestFactory().get("/admin/")
    request.user = user
    found = {}
    for model, one in admin.site._registry.items():
        row = model.objects.first() or model()
        verbs = {
            "add": one.has_add_permission(request),
            "change": one.has_change_permission(request, row),
            "delete": one.has_delete_permission(request, row),
            "view": one.has_view_permission(request, row),
        }
        found[model._meta.label] = [verb for verb, may in verbs.items() if may]
        actions = one.get_actions(request)
        found[model._meta.label] += sorted(name for name in actions if name != "delete_selected")
    return found

root = User(email="root@example.com", is_staff=True, is_superuser=True)
plain = User.objects.create(email="plain@example.com", is_staff=True)
print(json.dumps([permissions(root), permissions(plain)]))
"""


class TestAdmin:
    @pytest.fixture(scope="class")
    @classmethod
    def permissions(cls, desk_project: Path) -> Any:
        return json.loads(python(desk_project, ADMIN).splitlines()[-1])

    @pytest.mark.parametrize(
        ("model", "verbs"),
        [
            ("accounts.User", ["add", "change", "delete", "view"]),
            ("bookings.Booking", ["view", "record_payment"]),
            ("catalog.Workshop", ["add", "change", "view", "publish", "reject"]),
            ("catalog.Tag", ["add", "view"]),
            ("catalog.Session", ["add", "change", "view"]),
            ("trellis.FailedTask", ["view", "discard", "replay"]),
        ],
    )
    def test_lets_even_a_superuser_do_only_what_a_service_does(
        self, model: str, verbs: list[str], permissions: Any
    ) -> None:
        assert permissions[0][model] == verbs

    def test_gives_staff_nothing_that_they_were_not_given(self, permissions: Any) -> None:
        given = {model: verbs for model, verbs in permissions[1].items() if verbs}

        assert given == {}


REFUSED = """
import json
from datetime import timedelta
from django.core.exceptions import ValidationError
from django.contrib.auth.password_validation import validate_password
from django.db import transaction
from django.utils import timezone
from apps.accounts import services as accounts
from apps.accounts.models import User
from apps.catalog import services as catalog
from apps.catalog.models import Workshop

NOW, LATER = timezone.now(), timezone.now() + timedelta(days=1)
GOOD = {"workshop_id": Workshop.objects.first().pk, "starts_at": LATER, "minutes": 60,
        "room": "Yard", "capacity": 1, "price_cents": 0, "at": NOW}
accepted = []

def attempt(name, function, **arguments):
    try:
        with transaction.atomic():
            function(**arguments)
            accepted.append(name)
            transaction.set_rollback(True)
    except ValidationError:
        pass

attempt("sound", catalog.schedule_session, **GOOD)
for name, value in {"capacity": 0, "price_cents": -1, "minutes": -1, "room": "x" * 61}.items():
    attempt(name, catalog.schedule_session, **GOOD | {name: value})
attempt("empty title", catalog.announce_workshop, title="", summary="s", at=NOW)
attempt("long title", catalog.announce_workshop, title="x" * 121, summary="s", at=NOW)
attempt("long summary", catalog.announce_workshop, title="x", summary="s" * 2001, at=NOW)
person = User(email="ada.lovelace@example.com", name="Ada Lovelace")
for password in ("short1!", "password1234", "90417355512", "ada.lovelace"):
    attempt(password, validate_password, password=password, user=person)
print(json.dumps(accepted))
"""


class TestValidators:
    def test_accept_what_is_sound_and_nothing_else(self, desk_project: Path) -> None:
        assert json.loads(python(desk_project, REFUSED).splitlines()[-1]) == ["sound"]
