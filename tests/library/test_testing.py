from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, Permission

from trellis import testing
from trellis.reads import selector
from trellis.testing import ConstantQueries
from trellis.tests import test_tasks


@selector(queries=1)
def group_names() -> list[str]:
    return list(Group.objects.order_by("name").values_list("name", flat=True))


@selector(queries=1)
def groups_containing(*, text: str) -> list[str]:
    return list(Group.objects.filter(name__contains=text).values_list("name", flat=True))


def group_names_once() -> list[str]:
    return group_names()


@selector(queries=1)
def group_names_twice() -> list[str]:
    return [*group_names(), *group_names()]


def add_groups(rows: int) -> None:
    have = Group.objects.count()
    Group.objects.bulk_create(Group(name=f"group {have + n}") for n in range(rows))


class TestAssertConstantQueries:
    def test_is_content_with_one_query_by_an_index(
        self, assert_constant_queries: ConstantQueries
    ) -> None:
        assert_constant_queries(group_names, grow=add_groups)

    def test_catches_a_read_beyond_its_budget(
        self, assert_constant_queries: ConstantQueries
    ) -> None:
        with pytest.raises(AssertionError, match="2 queries of 1") as caught:
            assert_constant_queries(group_names_twice, grow=add_groups)

        assert f"  2 x conventions/tests/test_testing.py:{line_of('order_by')}" in str(caught.value)

    def test_catches_a_budget_that_is_more_than_it_takes(
        self, assert_constant_queries: ConstantQueries
    ) -> None:
        with pytest.raises(AssertionError, match="1 queries of 2"):
            assert_constant_queries(selector(queries=2)(group_names_once), grow=add_groups)

    def test_catches_a_read_without_an_index(
        self, assert_constant_queries: ConstantQueries
    ) -> None:
        with pytest.raises(AssertionError, match="without an index") as caught:
            assert_constant_queries(groups_containing, grow=add_groups, text="1")

        assert f"conventions/tests/test_testing.py:{line_of('name__contains')}" in str(caught.value)

    def test_lets_a_named_table_be_read_whole(
        self, assert_constant_queries: ConstantQueries
    ) -> None:
        assert_constant_queries(
            groups_containing, grow=add_groups, text="1", may_scan=["auth_group"]
        )

    def test_catches_a_condition_that_no_index_serves(
        self, assert_constant_queries: ConstantQueries
    ) -> None:
        @selector(queries=1)
        def permissions_named(*, name: str) -> list[str]:
            return list(Permission.objects.filter(name=name).values_list("codename", flat=True))

        with pytest.raises(AssertionError, match="auth_permission"):
            assert_constant_queries(permissions_named, grow=add_groups, name="x")

    @pytest.mark.parametrize("adds", [0, 1])
    def test_catches_data_that_does_not_grow(
        self, assert_constant_queries: ConstantQueries, adds: int
    ) -> None:
        batches = iter([adds])

        with pytest.raises(AssertionError, match=r"grow\(\d\) inserted nothing"):
            assert_constant_queries(group_names, grow=lambda rows: add_groups(next(batches, 0)))


class TestAssertConstantPage:
    def test_catches_data_that_does_not_grow(
        self, db: None, assert_constant_page: Callable[..., list[int]]
    ) -> None:
        with pytest.raises(AssertionError, match=r"grow\(1\) inserted nothing"):
            assert_constant_page("/", grow=lambda rows: None)


def line_of(text: str) -> int:
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


PREAMBLE = """
import pytest
from trellis.tests import test_testing as selectors

def prove(assert_constant_queries, **arguments):
    pass

"""
DEF = "def test_it(assert_constant_queries):\n    "
CALL = "assert_constant_queries(selectors.group_names, grow=len)"


class TestProven:
    @pytest.fixture
    def proven(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], set[str]]:
        monkeypatch.syspath_prepend(tmp_path)

        def of(code: str) -> set[str]:
            name = f"cases_{abs(hash(code))}"
            (tmp_path / f"{name}.py").write_text(PREAMBLE + code, encoding="utf-8")
            return testing.proven(import_module(name), fixture="assert_constant_queries")

        return of

    @pytest.mark.parametrize(
        "code",
        [
            f"{DEF}{CALL}",
            f"class TestIt:\n    def test_it(self, assert_constant_queries):\n        {CALL}",
            f"read = selectors.group_names\n{DEF}{CALL.replace('selectors.group_names', 'read')}",
        ],
    )
    def test_is_what_has_a_case(self, proven: Callable[[str], set[str]], code: str) -> None:
        assert proven(code) == {"trellis.tests.test_testing.group_names"}

    @pytest.mark.parametrize(
        "code",
        [
            f"# {CALL}",
            f"'''{CALL}'''",
            f"{DEF.replace('test_it', 'helper')}{CALL}",
            f"@pytest.mark.skip\n{DEF}{CALL}",
            f"pytestmark = [pytest.mark.skipif(True, reason='')]\n{DEF}{CALL}",
            f"@pytest.mark.xfail\n{DEF}{CALL}",
            f"{DEF}{CALL.replace('grow', 'sizes=(1,), grow')}",
            f"{DEF}{CALL.replace('assert_constant_queries', 'prove')}",
            f"{DEF}selectors = None\n    {CALL.replace('selectors.', 'made_here.')}",
        ],
    )
    def test_is_not_what_has_a_case_that_proves_nothing(
        self, proven: Callable[[str], set[str]], code: str
    ) -> None:
        assert proven(code) == set()

    def test_is_told_of_each_fixture_by_itself(self) -> None:
        assert testing.proven(test_tasks, fixture="assert_harmless_twice") == {
            "trellis.tasks.scheduled.republish_unpublished",
            "trellis.tasks.scheduled.delete_old_failures",
        }
        assert testing.proven(test_tasks, fixture="assert_constant_queries") == set()
