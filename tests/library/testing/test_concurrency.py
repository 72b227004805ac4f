from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pytest
from celery import current_app, shared_task
from django.contrib.auth.models import Group

from trellis import testing
from trellis.checks.guards import RuleBroken


def fail() -> None:
    raise ValueError("broken")


class TestRunConcurrently:
    @pytest.mark.django_db(transaction=True)
    def test_returns_the_errors(self) -> None:
        errors = testing.run_concurrently(fail, lambda: None, fail)

        assert [str(error) for error in errors] == ["broken", "broken"]

    @pytest.mark.django_db(transaction=True)
    def test_shows_the_threads_the_rows_of_the_test(self) -> None:
        Group.objects.create(name="seen")
        seen: list[str] = []

        testing.run_concurrently(
            lambda: seen.extend(Group.objects.values_list("name", flat=True)), lambda: None
        )

        assert seen == ["seen"]

    @pytest.mark.django_db
    def test_refuses_a_test_whose_rows_the_threads_cannot_see(self) -> None:
        with pytest.raises(AssertionError, match="transaction=True"):
            testing.run_concurrently(lambda: None)


@pytest.fixture
def careless() -> Iterator[Any]:
    @shared_task(name="tests.careless", max_retries=0)
    def careless(*, name: str) -> None:
        Group.objects.create(name=f"{name} {Group.objects.count()}")

    yield current_app.tasks["tests.careless"]
    del current_app.tasks["tests.careless"]


@pytest.fixture
def careful() -> Iterator[Any]:
    @shared_task(name="tests.careful", max_retries=0)
    def careful(*, name: str) -> None:
        Group.objects.get_or_create(name=name)

    yield current_app.tasks["tests.careful"]
    del current_app.tasks["tests.careful"]


@pytest.mark.django_db(transaction=True)
class TestAssertHarmlessTwice:
    def test_accepts_a_task_that_looks_first(self, careful: Any) -> None:
        testing.assert_harmless_twice(careful, effects=Group.objects.count, once=1, name="a")

    def test_refuses_a_task_that_does_its_work_again(self, careless: Any) -> None:
        with pytest.raises(AssertionError, match=r"tests\.careless was delivered three .* lock or"):
            testing.assert_harmless_twice(careless, effects=Group.objects.count, once=1, name="a")

    def test_shows_the_rule_that_a_task_breaks(self, careful: Any) -> None:
        broken = RuleBroken("apps/a/tasks.py:1: doors_do_not_query: reads.")
        careful.run = Mock(side_effect=broken)

        with pytest.raises(AssertionError, match="doors_do_not_query"):
            testing.assert_harmless_twice(careful, effects=Group.objects.count, once=0, name="a")
