import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts import services

pytestmark = pytest.mark.django_db


class TestLogin:
    def test_accepts_the_email_in_any_letter_case(self, client: Client) -> None:
        services.register_user(email="a@example.com", name="Ada", password="right")

        answer = client.post(
            reverse("accounts:login"), {"username": "A@example.com", "password": "right"}
        )

        assert answer.status_code == 302
        assert "_auth_user_id" in client.session

    def test_leads_back_to_the_page_that_asked_for_it(self, client: Client) -> None:
        page = client.get(reverse("accounts:login"), {"next": "/somewhere/"})

        assert '<input type="hidden" name="next" value="/somewhere/">' in page.content.decode()

    def test_locks_after_ten_wrong_passwords(self, client: Client) -> None:
        services.register_user(email="a@example.com", name="Ada", password="right")
        wrong = {"username": "a@example.com", "password": "wrong"}
        for _ in range(10):
            client.post(reverse("accounts:login"), wrong)

        for spelling in ("a@example.com", "A@EXAMPLE.com"):
            right = {"username": spelling, "password": "right"}
            assert client.post(reverse("accounts:login"), right).status_code == 429
