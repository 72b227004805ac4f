import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from apps.accounts.models import User

pytestmark = pytest.mark.django_db


class TestDemoUsers:
    def test_creates_two_people_however_often_it_runs(self) -> None:
        call_command("demo_users")
        call_command("demo_users")

        assert User.objects.count() == 2

    def test_refuses_in_production(self, settings: Settings) -> None:
        settings.PRODUCTION = True

        with pytest.raises(CommandError, match="production"):
            call_command("demo_users")
