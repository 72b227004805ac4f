from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.contrib.messages import get_messages
from django.core.exceptions import ValidationError
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from pytest_django import Settings

from trellis import errors, web
from trellis.checks.guards import RuleBroken

pytestmark = pytest.mark.django_db


class Full(errors.Conflict):
    """Every seat is taken."""


def book(request: HttpRequest) -> HttpResponse:
    raise Full


def name(request: HttpRequest) -> HttpResponse:
    raise ValidationError({"title": "This title is taken."})


def breaks(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a fault of ours")


def people(request: HttpRequest) -> HttpResponse:
    people = get_user_model().objects
    return web.render(request, "people.html", {"people": people, "count": people.count()})


def waits(request: HttpRequest) -> HttpResponse:
    raise OperationalError("the database is away")


handler500 = "trellis.web.pages.server_error"
urlpatterns = [
    path("", lambda request: HttpResponse("home"), name="home"),
    path("book/", book),
    path("name/", name),
    path("breaks/", breaks),
    path("people/", people),
    path("waits/", waits),
]


@pytest.fixture(autouse=True)
def pages(settings: Settings, tmp_path: Path) -> Path:
    """Serve the views above, with templates from the returned folder."""
    settings.ROOT_URLCONF = __name__
    settings.TEMPLATES = [settings.TEMPLATES[0] | {"DIRS": [tmp_path]}]
    (tmp_path / "refused.html").write_text("{{ error.title }}: {{ error.detail }}")
    for status in (500, 503):
        (tmp_path / f"{status}.html").write_text("without context: {{ user }}{{ request }}.")
    return tmp_path


class TestBusinessErrorMiddleware:
    @pytest.mark.parametrize(
        ("url", "status", "text"),
        [
            ("/book/", 409, "Not possible any more: Every seat is taken."),
            ("/name/", 422, "Not valid: This title is taken."),
        ],
    )
    def test_shows_the_message_of_an_error_of_a_service(
        self, client: Client, url: str, status: int, text: str
    ) -> None:
        answer = client.get(url)

        assert (answer.status_code, answer.content.decode()) == (status, text)

    def test_leaves_other_errors_alone(self, client: Client) -> None:
        with pytest.raises(RuntimeError, match="a fault of ours"):
            client.get("/breaks/")


class TestServerError:
    @pytest.mark.parametrize(
        ("url", "status", "retry_after"), [("/breaks/", 500, None), ("/waits/", 503, "60")]
    )
    def test_tells_a_fault_of_ours_from_a_database_that_is_away(
        self, url: str, status: int, retry_after: str | None
    ) -> None:
        answer = Client(raise_request_exception=False).get(url)

        assert (answer.status_code, answer.content) == (status, b"without context: .")
        assert answer.get("Retry-After") == retry_after


def count_people(request: HttpRequest) -> dict[str, int]:
    """A context processor that reads."""
    return {"all_people": get_user_model().objects.count()}


class TestRender:
    def test_lets_a_context_processor_read(
        self, client: Client, settings: Settings, pages: Path
    ) -> None:
        settings.TEMPLATES[0]["OPTIONS"] = {"context_processors": [f"{__name__}.count_people"]}
        (pages / "people.html").write_text("{{ all_people }} of {{ count }}")

        assert client.get("/people/").content == b"0 of 0"

    def test_shows_what_the_view_passes_and_who_is_signed_in(
        self, client: Client, pages: Path
    ) -> None:
        (pages / "people.html").write_text(
            "{{ project_name }}: {{ count }}, {{ user.email }}"
            "{% for message in messages %}{{ message }}{% endfor %}"
        )
        client.force_login(get_user_model().objects.create(email="ada@example.com"))

        answer = client.get("/people/")

        assert answer.content.decode() == "Sample: 1, ada@example.com"
        assert not get_messages(answer.wsgi_request)

    def test_refuses_a_query_in_the_template_and_names_its_line(
        self, client: Client, pages: Path
    ) -> None:
        (pages / "people.html").write_text("<p>\n{{ people.count }}\n")

        with pytest.raises(
            RuleBroken, match=r"people\.html:2: pages_do_not_query: .* rendering people\.html"
        ):
            client.get("/people/")
