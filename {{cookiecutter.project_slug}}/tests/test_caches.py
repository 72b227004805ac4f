"""Each cache is forgotten by exactly the services it names."""

import ast
from collections.abc import Iterable
from pathlib import Path

from trellis import caching

ROOT = Path(__file__).resolve().parent.parent


class TestCaches:
    def test_are_forgotten_by_the_services_they_name_and_by_no_others(self) -> None:
        for name, cache in caching.every_cache().items():
            app = cache.load.__module__.split(".")[1]
            services = ROOT / "apps" / app / "services"
            files = [services.with_suffix(".py"), *services.rglob("*.py")]
            sources = [file.read_text(encoding="utf-8") for file in files if file.is_file()]

            forgetting = forgetters(sources, cache=cache.load.__name__)

            named = {service.rpartition(".")[2] for service in cache.invalidated_by}
            assert forgetting == named, f"invalidated_by of {name} and what calls .invalidate on it"


class TestForgetters:
    SOURCE = """
def by_itself():
    caches.prices.invalidate(pk=1)

def by_a_helper():
    with atomic():
        for one in many:
            _forget(one)

def by_another_service():
    by_itself()

def not_at_all():
    caches.others.invalidate()

def _forget(one):
    _forget_prices(one)

def _forget_prices(one):
    caches.prices.invalidate(pk=one)
"""

    def test_call_invalidate_themselves_or_through_private_helpers(self) -> None:
        assert forgetters([self.SOURCE], cache="prices") == {"by_itself", "by_a_helper"}


def forgetters(sources: Iterable[str], *, cache: str) -> set[str]:
    """Return the public functions that make a cache forget, as the services' sources say it."""
    calls = {
        node.name: {ast.unparse(call.func) for call in ast.walk(node) if isinstance(call, ast.Call)}
        for source in sources
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef)
    }
    reached = {f"caches.{cache}.invalidate"}
    while more := {
        name for name in calls.keys() - reached if calls[name] & reached and name[0] == "_"
    }:
        reached |= more
    return {name for name in calls if calls[name] & reached and name[0] != "_"}
