"""Tests are the same for everyone: no `.env`, no queue or cache but their own.

Only what the environment says counts (CI: DATABASE_URL, CACHE_URL, CELERY_BROKER_URL).
"""

import os

os.environ["IGNORE_ENV_FILE"] = "1"
os.environ.setdefault("CELERY_BROKER_URL", "memory://")
os.environ["LOG_FILE"] = ""

pytest_plugins = ["trellis.testing"]
