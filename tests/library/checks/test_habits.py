"""A few habits that the syntax shows. The cases stand in habit_cases.txt."""

from pathlib import Path

import pytest

from tests.library.checks import cases, projects
from tests.library.checks.cases import Case

CASES = cases.read("habit_cases.txt")
# What the cases call. `reference` is a pure function, `address_of_upload` signs without a request.
CLIENTS = """
    import boto3
    import requests

    def address_of_upload(number):
        return boto3.client("s3").generate_presigned_post("uploads", str(number))

    def charge():
        requests.post("https://bank.example")

    def reference(number):
        return f"B{number:06}"

    class Bank:
        def charge(self):
            requests.post("https://bank.example")
"""
CALLED = {"apps/bookings/clients.py": CLIENTS, "apps/catalog/templatetags/rooms.py": ""}


class TestHabits:
    @pytest.mark.parametrize("case", cases.broken(CASES), ids=str)
    def test_name_the_line_that_breaks_a_rule(self, tmp_path: Path, case: Case) -> None:
        root = projects.make(tmp_path, CALLED | {case.path: case.text})

        assert projects.places(root, case.rule) == case.marked()

    @pytest.mark.parametrize("case", cases.clean(CASES), ids=str)
    def test_find_nothing_in_what_only_looks_like_it(self, tmp_path: Path, case: Case) -> None:
        root = projects.make(tmp_path, CALLED | {case.path: case.text})

        assert projects.places(root, case.rule) == set()

    def test_have_three_broken_and_two_clean_shapes_each(self) -> None:
        assert cases.rules_with_too_few(CASES) == []

    def test_know_an_app_by_the_namespace_of_its_urls(self, tmp_path: Path) -> None:
        link = "{% url 'shop:list' %}"
        page = "apps/insights/templates/insights/page.html"
        urls = {"apps/catalog/urls.py": 'app_name = "shop"\n', page: link}

        (found,) = projects.check(projects.make(tmp_path, urls))

        assert str(found) == (
            f"{page}:1: templates_use_declared_apps: uses catalog, on which insights does not"
            ' depend. Add "catalog" to depends_on in apps/insights/OWNERS.toml, or move this to a'
            " template of an app that depends on both."
        )
