import re
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.tests.factories import UserFactory
from apps.catalog import selectors
from apps.catalog.tests.factories import SessionFactory

pytestmark = pytest.mark.django_db


class TestSessionList:
    def test_shows_every_session_with_its_seats(self, client: Client) -> None:
        SessionFactory(seats_left=0)
        SessionFactory(seats_left=1)

        page = client.get(reverse("catalog:session_list")).content.decode()

        assert "Full" in page
        assert "1 seat left" in page

    def test_leads_to_later_sessions(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(selectors, "SHOWN", 1)
        _, later = SessionFactory.create_batch(2)

        page = client.get(reverse("catalog:session_list")).content.decode()
        (query,) = re.findall(r'href="(\?cursor=[^"]+)">Later sessions', page)
        second = client.get(reverse("catalog:session_list") + query).content.decode()

        assert later.workshop.title not in page
        assert later.workshop.title in second
        assert "Later sessions" not in second

    def test_behind_a_cursor_that_was_changed_is_a_page_that_says_so(self, client: Client) -> None:
        answer = client.get(reverse("catalog:session_list"), {"cursor": "made-up"})

        assert answer.status_code == 400
        assert "start at the first page" in answer.content.decode()


class TestSessionSearch:
    def test_shows_what_it_found_and_what_was_sought(self, client: Client) -> None:
        SessionFactory(workshop__title="Bread")
        SessionFactory(workshop__title="Bowls")

        page = client.get(reverse("catalog:session_search"), {"title": "br"}).content.decode()

        assert "Bread" in page
        assert "Bowls" not in page
        assert 'value="br"' in page

    def test_says_when_nothing_begins_so(self, client: Client) -> None:
        page = client.get(reverse("catalog:session_search"), {"title": "<x>"}).content.decode()

        assert "No title begins with “&lt;x&gt;”." in page


class TestSessionDetail:
    def test_offers_a_seat_to_who_is_signed_in(self, client: Client) -> None:
        client.force_login(UserFactory())

        page = client.get(reverse("catalog:session_detail", args=[SessionFactory().public_id]))

        assert "Book a seat" in page.content.decode()

    def test_sends_others_to_sign_in_and_back(self, client: Client) -> None:
        address = reverse("catalog:session_detail", args=[SessionFactory().public_id])

        page = client.get(address).content.decode()

        assert f"{reverse('accounts:login')}?next={address}" in page

    def test_of_no_session_is_a_page_that_says_so(self, client: Client) -> None:
        answer = client.get(reverse("catalog:session_detail", args=[uuid4()]))

        assert answer.status_code == 404
        assert "There is no such session." in answer.content.decode()
