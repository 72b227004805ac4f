import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from apps.catalog.models import Workshop

pytestmark = pytest.mark.django_db


class TestDemoData:
    def test_announces_workshops(self) -> None:
        call_command("demo_data")

        assert Workshop.objects.count() == 4

    def test_refuses_in_production(self, settings: Settings) -> None:
        settings.PRODUCTION = True

        with pytest.raises(CommandError, match="production"):
            call_command("demo_data")
