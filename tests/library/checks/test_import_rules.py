"""Who may import what. The cases stand in import_cases.txt."""

from pathlib import Path

import pytest

from tests.library.checks import cases, projects
from tests.library.checks.cases import Case
from trellis.checks import table

VIEWS, SERVICES, SELECTORS = (f"apps/bookings/{n}.py" for n in ("views", "services", "selectors"))
CASES = cases.read("import_cases.txt")


class TestImports:
    @pytest.mark.parametrize("case", cases.broken(CASES), ids=str)
    def test_name_the_statement_that_breaks_a_rule(self, tmp_path: Path, case: Case) -> None:
        root = projects.make(tmp_path, {case.path: case.text})

        assert projects.places(root, case.rule) == case.marked()

    @pytest.mark.parametrize("case", cases.clean(CASES), ids=str)
    def test_find_nothing_in_what_only_looks_like_it(self, tmp_path: Path, case: Case) -> None:
        root = projects.make(tmp_path, {case.path: case.text})

        assert projects.places(root, case.rule) == set()

    def test_have_three_broken_and_two_clean_shapes_for_each_rule_of_the_table(self) -> None:
        rules = {row.rule for row in table.TABLE}

        assert rules <= {case.rule for case in CASES}
        assert cases.rules_with_too_few(CASES) == []

    def test_report_a_statement_once_however_often_it_is_used(self, tmp_path: Path) -> None:
        text = """
            from apps.catalog.models import Session, Room

            def f(): return Session.objects.all()
            def g(): return Session.objects.first(), Room.objects.all()
        """
        root = projects.make(tmp_path, {"apps/insights/views.py": text})

        (found,) = [one for one in projects.check(root) if one.rule != "layer_has_tests"]

        assert str(found) == (
            "apps/insights/views.py:2: other_apps_by_services: views imports models of catalog."
            " Read through apps/catalog/selectors.py, write through apps/catalog/services.py."
            ' Add "catalog" to depends_on in apps/insights/OWNERS.toml.'
        )


class TestMessages:
    @pytest.mark.parametrize(
        ("path", "text", "message"),
        [
            (
                VIEWS,
                "from .models import Booking\ndef f(): Booking.objects\ndef g(): Booking.objects\n",
                "f (and 1 more) uses models.Booking.objects. Move reads to"
                " apps/bookings/selectors.py and writes to apps/bookings/services.py.",
            ),
            (
                VIEWS,
                "from django.db import transaction\ndef f():\n    with transaction.atomic(): ...\n",
                "views uses django.db.transaction.atomic. Move the whole transaction into one"
                " function of apps/bookings/services.py.",
            ),
            (
                VIEWS,
                "from . import api\n",
                "views imports api, which is beside it. Move what both need into a service or a"
                " selector.",
            ),
            (
                SELECTORS,
                "from . import services\n",
                "selectors imports services, which is above it. Let the service call selectors and"
                " pass in what it needs.",
            ),
            (
                SERVICES,
                "from apps.catalog import tasks\n",
                "services imports tasks of catalog. Call a function of apps/catalog/services.py"
                " that publishes it.",
            ),
            (
                SERVICES,
                "import requests\nrequests.get\n",
                "services uses requests.get. Move the call to apps/bookings/clients.py, and let a"
                " service call that.",
            ),
            (
                "apps/insights/services.py",
                "from apps.catalog import services\n",
                'insights uses catalog. Add "catalog" to depends_on in apps/insights/OWNERS.toml,'
                " or do without it.",
            ),
            (
                "apps/catalog/services.py",
                "from apps.bookings import services\n",
                "catalog uses bookings. bookings depends on catalog: move this to bookings, or to"
                " an app above both, or do without it.",
            ),
        ],
    )
    def test_say_what_is_wrong_and_the_cure(
        self, tmp_path: Path, path: str, text: str, message: str
    ) -> None:
        root = projects.make(tmp_path, {path: text})

        found = [one.message for one in projects.check(root) if one.rule != "layer_has_tests"]

        assert found == [message]
