import pytest
from pytest_django import Settings

from trellis.checks import django_checks
from trellis.checks import layout
from trellis.checks import migrations
from trellis.checks.rules import Finding


class TestLayoutCheck:
    def test_warns_with_rule_and_place(self, monkeypatch: pytest.MonkeyPatch) -> None:
        found = Finding("apps/a.py", 7, "doors_stay_thin", "too thick.")
        monkeypatch.setattr(layout, "check", lambda **_: [found])

        (warning,) = django_checks.layout_is_as_the_rules_say(None)

        assert (warning.id, warning.msg) == ("layout.doors_stay_thin", "apps/a.py:7: too thick.")

    def test_is_silent_in_production(self, settings: Settings) -> None:
        settings.PRODUCTION = True

        assert django_checks.layout_is_as_the_rules_say(None) == []


class TestMigrationCheck:
    def test_warns_with_the_place(self, monkeypatch: pytest.MonkeyPatch) -> None:
        found = migrations.Refusal("apps/a/migrations/0002_b.py", 7, "too late.")
        monkeypatch.setattr(migrations, "refusals", lambda: iter([found]))

        (warning,) = django_checks.migrations_take_two_steps(None)

        assert warning.msg == "apps/a/migrations/0002_b.py:7: too late."

    def test_is_silent_in_production(self, settings: Settings) -> None:
        settings.PRODUCTION = True

        assert django_checks.migrations_take_two_steps(None) == []
