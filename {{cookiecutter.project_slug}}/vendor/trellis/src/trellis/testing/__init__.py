"""What tests of a project use: proofs to call, and fixtures (loaded by conftest.py as a plugin).

queries.py      the number of queries does not grow with the number of rows
plans.py        what the database does for a query
concurrency.py  what happens twice, or at the same time
proofs.py       which selectors and tasks have their proof
access.py       who may reach each URL
fixtures.py     `eager_tasks`, and quick passwords for all tests
"""

from trellis.testing.access import assert_access
from trellis.testing.concurrency import assert_harmless_twice, run_concurrently
from trellis.testing.fixtures import eager_tasks, quick_passwords
from trellis.testing.proofs import unproven_selectors, unproven_tasks
from trellis.testing.queries import assert_constant_page, assert_constant_queries

__all__ = [
    "assert_access",
    "assert_constant_page",
    "assert_constant_queries",
    "assert_harmless_twice",
    "eager_tasks",
    "quick_passwords",
    "run_concurrently",
    "unproven_selectors",
    "unproven_tasks",
]
