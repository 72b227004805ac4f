"""Settings of a small project, on which the library's own tests run.

DATABASE_URL and CACHE_URL choose the servers; without them: SQLite and a table of it.
"""

import tempfile
from pathlib import Path

import django_stubs_ext
import environ

django_stubs_ext.monkeypatch()

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(tempfile.mkdtemp(prefix="trellis-tests-"))
PRODUCTION = False
DEBUG = False
PROJECT_NAME, PROJECT_DESCRIPTION = "Sample", "A small project."
SECRET_KEY = "only-for-tests-" * 4
ALLOWED_HOSTS = ["testserver", "localhost"]
PROXY_COUNT = 0
UPLOAD_MAX_BYTES = 1_000_000
HEALTH_TOKEN = ""

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django_structlog",
    "ninja",
    "trellis",
    "apps.accounts",
    "apps.shop",
]
MIDDLEWARE = [
    "trellis.web.health.HealthMiddleware",
    "trellis.web.problems.ProblemMiddleware",
    "trellis.web.requests.RequestMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "trellis.web.pages.BusinessErrorMiddleware",
]
ROOT_URLCONF = "config.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "trellis.web.pages.project",
            ]
        },
    }
]
DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{VAR_DIR}/db.sqlite3")}
if "sqlite3" in DATABASES["default"]["ENGINE"]:
    DATABASES["default"]["OPTIONS"] = {"transaction_mode": "IMMEDIATE", "timeout": 20}
    DATABASES["default"]["TEST"] = {"NAME": VAR_DIR / "test.sqlite3"}
CACHES = {"default": env.cache_url("CACHE_URL", default="dbcache://django_cache")}
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
AUTH_USER_MODEL = "accounts.User"
STATIC_URL = "static/"
SOURCE_URL = ""
USE_TZ = True
DJANGO_STRUCTLOG_CELERY_ENABLED = True
LOG_FILE = ""
RETENTION_DAYS = {"failures": 30, "claims": 90, "cache_figures": 365, "files": 30}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
