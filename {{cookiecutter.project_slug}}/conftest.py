"""Fixtures for all tests. `trellis.pytest_run` sets up their environment: they do not read `.env`.

The environment decides which servers they use (in CI: DATABASE_URL, CACHE_URL).
"""

pytest_plugins = ["trellis.testing"]
