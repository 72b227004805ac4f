from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from celery import current_app, shared_task

from apps.accounts.tests import test_selectors
from trellis import testing
from trellis.testing import proofs

IMPORTS = """
from apps.accounts import selectors
from trellis import testing
from trellis.testing import assert_constant_queries

def prove(read, **arguments):
    pass

"""
DEF = "def test_it():\n    "
CALL = "testing.assert_constant_queries(selectors.contact_of, grow=len)"
CONTACT_OF = "apps.accounts.selectors.contact_of"


class TestProven:
    @pytest.fixture
    def proven(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], set[str]]:
        monkeypatch.syspath_prepend(tmp_path)

        def proven(code: str) -> set[str]:
            name = f"cases_{abs(hash(code))}"
            (tmp_path / f"{name}.py").write_text(IMPORTS + code, encoding="utf-8")
            return proofs.proven(import_module(name), proof="assert_constant_queries")

        return proven

    @pytest.mark.parametrize(
        "code",
        [
            f"{DEF}{CALL}",
            f"class TestIt:\n    def test_it(self):\n        {CALL}",
            f"read = selectors.contact_of\n{DEF}{CALL.replace('selectors.contact_of', 'read')}",
            f"{DEF}{CALL.replace('testing.', '')}",
        ],
    )
    def test_is_what_a_test_gives_to_the_proof(
        self, proven: Callable[[str], set[str]], code: str
    ) -> None:
        assert proven(code) == {CONTACT_OF}

    @pytest.mark.parametrize(
        "code",
        [
            f"# {CALL}",
            f"'''{CALL}'''",
            f"{DEF}{CALL.replace('testing.assert_constant_queries', 'prove')}",
            f"{DEF}testing.assert_constant_queries(grow=len)",
            f"{DEF}local = None\n    {CALL.replace('selectors.', 'local.')}",
        ],
    )
    def test_is_not_what_proves_nothing(self, proven: Callable[[str], set[str]], code: str) -> None:
        assert proven(code) == set()


class TestUnprovenSelectors:
    def test_are_none_where_each_has_its_test(self) -> None:
        assert testing.unproven_selectors() == []

    def test_are_those_without_a_test(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(proofs, "_test_modules", lambda: iter([]))

        assert testing.unproven_selectors() == [CONTACT_OF]


class TestUnprovenTasks:
    def test_are_those_without_a_test(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def remind() -> None: ...

        remind.__module__, remind.__qualname__ = "apps.accounts.tasks", "remind"
        shared_task(name="accounts.remind")(remind)
        try:
            assert testing.unproven_tasks() == ["apps.accounts.tasks.remind"]
        finally:
            del current_app.tasks["accounts.remind"]

    def test_do_not_count_the_proof_of_a_selector(self) -> None:
        module: ModuleType = test_selectors

        assert proofs.proven(module, proof="assert_constant_queries") == {CONTACT_OF}
        assert proofs.proven(module, proof="assert_harmless_twice") == set()
