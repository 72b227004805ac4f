from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.tests.factories import UserFactory
from apps.catalog.tests.factories import SessionFactory

pytestmark = pytest.mark.django_db


class TestSessionList:
    def test_shows_every_session_with_its_seats(self, client: Client) -> None:
        SessionFactory(seats_left=0)
        SessionFactory(seats_left=1)

        page = client.get(reverse("catalog:session_list")).content.decode()

        assert "Full" in page
        assert "1 seat left" in page


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
