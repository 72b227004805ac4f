import pytest
from django.db import connection
from trellis.testing import recorded, unindexed

from apps.accounts.models import User

pytestmark = pytest.mark.django_db


class TestUser:
    def test_is_found_in_whatever_case_the_email_is_typed(self) -> None:
        made = User.objects.create_user("Dana@Example.com", "secret")

        assert User.objects.get_by_natural_key("dana@example.COM") == made

    @pytest.mark.skipif(
        connection.vendor != "postgresql", reason="SQLite compares by LIKE, without an index"
    )
    def test_is_found_by_an_index(self) -> None:
        User.objects.create_user("dana@example.com", "secret")

        with recorded() as asked:
            User.objects.get_by_natural_key("dana@example.com")

        assert [scan for one in asked for scan in unindexed(one, may_scan=())] == []

    def test_shows_the_name_and_else_the_email(self) -> None:
        assert User(email="a@example.com", name="Ada").get_full_name() == "Ada"
        assert User(email="a@example.com").get_short_name() == "a@example.com"

    def test_superusers_may_use_the_admin(self) -> None:
        assert User.objects.create_superuser("root@example.com", "secret").is_staff
