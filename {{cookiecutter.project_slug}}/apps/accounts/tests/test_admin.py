import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User

pytestmark = pytest.mark.django_db


class TestUserAdmin:
    def test_adds_a_user_by_email(self, admin_client: Client) -> None:
        answer = admin_client.post(
            reverse("admin:accounts_user_add"),
            {
                "email": "new@example.com",
                "name": "New",
                "password1": "a-long-phrase-7",
                "password2": "a-long-phrase-7",
                "usable_password": "true",
            },
        )

        assert answer.status_code == 302
        assert User.objects.filter(email="new@example.com").exists()

    def test_lists_users(self, admin_client: Client) -> None:
        address = reverse("admin:accounts_user_changelist")

        assert "admin@example.com" in admin_client.get(address).content.decode()
