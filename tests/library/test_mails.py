from pathlib import Path

import pytest
from django.core import mail
from django.test import Client
from django.urls import path
from pytest_django import Settings

from trellis.web import mails

pytestmark = pytest.mark.django_db
urlpatterns = [path("_mail/", mails.sent)]
FILES = "django.core.mail.backends.filebased.EmailBackend"


@pytest.fixture(autouse=True)
def development(settings: Settings, tmp_path: Path) -> None:
    """Serve the page in development, in a layout of one block, with mails in files."""
    settings.DEBUG = True
    settings.ROOT_URLCONF = __name__
    settings.TEMPLATES = [settings.TEMPLATES[0] | {"DIRS": [tmp_path]}]
    (tmp_path / "base.html").write_text("{% block content %}{% endblock %}")
    file_path = tmp_path / "mail"
    settings.MAILERS = {"default": {"BACKEND": FILES, "OPTIONS": {"file_path": file_path}}}


class TestSent:
    def test_shows_each_mail_with_links_to_click(self, client: Client) -> None:
        first = mail.EmailMessage(
            "Grüße", "Hello,\n\nhttp://desk/sign-up/a1/?b=1&c=2\n", to=["a@b.c"]
        )
        second = mail.EmailMessage("Two <b>", "-" * 79, to=["a@b.c"])
        second.attach("menu.pdf", b"%PDF", "application/pdf")
        with mail.mailers["default"] as connection:
            connection.send_messages([first, second])

        page = client.get("/_mail/").content.decode()

        assert "Grüße" in page
        assert '<a href="http://desk/sign-up/a1/?b=1&amp;c=2"' in page
        assert "Two &lt;b&gt;" in page
        assert "menu.pdf" in page

    def test_shows_the_newest_mail_first(self, client: Client, tmp_path: Path) -> None:
        for name in ("20300101-120000-2.log", "20300101-130000-1.log"):
            text = f"Subject: {name}\n\nText\n".encode() + mails.BETWEEN_MAILS
            (tmp_path / "mail").mkdir(exist_ok=True)
            (tmp_path / "mail" / name).write_bytes(text)

        page = client.get("/_mail/").content.decode()

        assert page.index("130000") < page.index("120000")

    def test_says_where_mails_go_if_not_into_files(
        self, client: Client, settings: Settings
    ) -> None:
        settings.MAILERS = {"default": {"BACKEND": FILES.replace("filebased", "console")}}

        assert "EMAIL_URL sends them elsewhere" in client.get("/_mail/").content.decode()

    def test_is_not_there_in_production(self, client: Client, settings: Settings) -> None:
        settings.DEBUG = False

        assert client.get("/_mail/").status_code == 404

    def test_shows_a_mail_whose_charset_nobody_knows(self, client: Client, tmp_path: Path) -> None:
        text = b"Subject: Odd\nContent-Type: text/plain; charset=nope\n\nhello there\n"
        (tmp_path / "mail").mkdir()
        (tmp_path / "mail/1.log").write_bytes(text + mails.BETWEEN_MAILS)

        assert "hello there" in client.get("/_mail/").content.decode()
