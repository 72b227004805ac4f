import pytest

from apps.accounts.models import User

pytestmark = pytest.mark.django_db


class TestUser:
    def test_is_found_by_an_email_in_any_letter_case(self) -> None:
        user = User.objects.create_user("Dana@Example.com", "secret")

        assert User.objects.get_by_natural_key("dana@example.COM") == user

    def test_shows_the_name_or_else_the_email(self) -> None:
        assert User(email="a@example.com", name="Ada").get_full_name() == "Ada"
        assert User(email="a@example.com").get_short_name() == "a@example.com"

    def test_may_use_the_admin_as_a_superuser(self) -> None:
        assert User.objects.create_superuser("root@example.com", "secret").is_staff
