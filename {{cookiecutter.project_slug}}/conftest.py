"""Tests run the same everywhere: they ignore `.env`, and keep messages and uploads in memory.

The environment decides which servers they use (in CI: DATABASE_URL, CACHE_URL).
"""

import os

os.environ["IGNORE_ENV_FILE"] = "1"
os.environ.setdefault("CELERY_BROKER_URL", "memory://")
os.environ["STORAGE_URL"] = "memory://"
os.environ["LOG_FILE"] = ""

pytest_plugins = ["trellis.testing"]
