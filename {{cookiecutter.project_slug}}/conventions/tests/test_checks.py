import pytest
from pytest_django import Settings

from conventions import checks, layout
from conventions.layout.source import Place


class TestLayoutCheck:
    def test_warns_with_rule_and_place(self, monkeypatch: pytest.MonkeyPatch) -> None:
        found = layout.Violation(Place("apps/a.py", 7), "doors_stay_thin", "too thick.")
        monkeypatch.setattr(layout, "check", lambda **_: [found])

        (warning,) = checks.layout_is_as_the_rules_say(None)

        assert (warning.id, warning.msg) == ("layout.doors_stay_thin", "apps/a.py:7: too thick.")

    def test_is_silent_in_production(self, settings: Settings) -> None:
        settings.PRODUCTION = True

        assert checks.layout_is_as_the_rules_say(None) == []
