"""Every setting, in one file. Celery's own are in celery.py.

With an empty environment this is a working development set-up that needs no server: SQLite, a
cache in the database, tasks in a folder, mail in files. DJANGO_ENV=production makes it a
production one, which needs the variables marked so in `.env.example`.
"""

import os
from importlib.util import find_spec
from typing import Any

import django_stubs_ext
from django.utils.csp import CSP
from trellis import logs
from trellis.env import HOST, ORIGIN

from config.environment import (  # noqa: F401  # pages show the name and the description
    BASE_DIR,
    PRODUCTION,
    PROJECT_DESCRIPTION,
    PROJECT_NAME,
    VAR_DIR,
    env,
)

django_stubs_ext.monkeypatch()  # makes `ModelAdmin[Booking]` work at run time

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_structlog",
    "ninja",  # as an app it serves the API page's scripts itself instead of from a CDN
    "trellis",
    "apps.accounts",
    "apps.catalog",  # example
    "apps.bookings",  # example
    "apps.insights",  # example
    # startapp adds apps above this line
]
MIDDLEWARE = [
    "trellis.web.health.HealthMiddleware",  # first: a probe uses neither our host name nor TLS
    "trellis.web.problems.ProblemMiddleware",  # outside of all that answers errors itself
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "trellis.web.requests.RequestMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "trellis.web.pages.BusinessErrorMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

DEBUG = env.flag("DEBUG", default=not PRODUCTION)
if PRODUCTION and DEBUG:
    env.refuse("DEBUG", "is on in production, and shows the source code to visitors. Unset it.")
SECRET_KEY = env.secret("SECRET_KEY", development="only-for-development")
ALLOWED_HOSTS = env.names(
    "ALLOWED_HOSTS",
    pattern=HOST,
    default=["localhost", "127.0.0.1", "[::1]"],
    development=["*"],
    example="example.com,www.example.com",
    needed=True,
)
CSRF_TRUSTED_ORIGINS = env.names(
    "CSRF_TRUSTED_ORIGINS", pattern=ORIGIN, default=[], example="https://example.com"
)

if not PRODUCTION and find_spec("zeal"):  # docs/performance.md says how to use zeal and the toolbar
    INSTALLED_APPS.append("zeal")
    MIDDLEWARE.append("zeal.middleware.zeal_middleware")
    ZEAL_RAISE = False  # it warns, and in tests a warning is an error
    ZEAL_ALLOWLIST = [{"model": "sessions.Session"}]  # Django reads one twice to end it
    # The toolbar slows down every page and covers a part of it, so it is off by default.
    if env.flag("TOOLBAR", default=False):
        INSTALLED_APPS.append("debug_toolbar")
        MIDDLEWARE.insert(0, "debug_toolbar.middleware.DebugToolbarMiddleware")
        INTERNAL_IPS = ["127.0.0.1", "::1"]

# --- Database and cache ---------------------------------------------------------------------

# trellis.pytest_run sets a number for each test run, so that two runs at the same time use
# different databases and keys. (pytest-django adds the process to the names of databases only.)
TEST_RUN = os.environ.get("TEST_RUN", "")

_database = env.database(
    "DATABASE_URL",
    default={"ENGINE": "django.db.backends.sqlite3", "NAME": str(VAR_DIR / "db.sqlite3")},
)
if _database["ENGINE"].endswith("sqlite3"):
    _database_options: dict[str, Any] = {
        # Without IMMEDIATE, two writers that read first fail with "database is locked" at once
        # instead of waiting for each other (docs/adr/0003).
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,  # seconds
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
    }
    # A file, so that the threads of a test share it.
    _database["TEST"] = {"NAME": VAR_DIR / f"test-{TEST_RUN}.sqlite3"}
else:
    _database["TEST"] = {"NAME": f"test_{_database['NAME']}_{TEST_RUN}"}
    _database_options = {
        # Milliseconds. What takes longer is a fault to report. The URL's own come last, and win.
        "options": "-c statement_timeout=30000 -c lock_timeout=10000"
        " -c idle_in_transaction_session_timeout=60000"
        # What a dead host has locked is free after 7 s (the first three are in seconds).
        " -c tcp_keepalives_idle=3 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=2"
        " -c tcp_user_timeout=7000 " + _database.get("OPTIONS", {}).pop("options", ""),
        # Seconds, and milliseconds for the last: after them, a host that is gone is an error.
        "connect_timeout": 3,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
    }
    _database["CONN_HEALTH_CHECKS"] = True
_database.setdefault("CONN_MAX_AGE", 60)  # seconds; to connect costs 2 ms, also with SQLite
_database["OPTIONS"] = _database_options | _database.get("OPTIONS", {})  # the URL's own win
_database["ATOMIC_REQUESTS"] = False  # services open transactions; cached reads depend on it
DATABASES = {"default": _database}

_cache = env.cache("CACHE_URL", default="dbcache://django_cache", broker="CELERY_BROKER_URL")
if _cache["BACKEND"].endswith("DatabaseCache"):
    _cache_options: dict[str, Any] = {"MAX_ENTRIES": 50_000}  # Django's 300 would drop most of it
elif _cache["BACKEND"].endswith("RedisCache"):
    # Seconds. A slower cache is of no use, so reads go to the database then (docs/adr/0005).
    _cache_options = {"socket_connect_timeout": 0.5, "socket_timeout": 0.5}
else:
    _cache_options = {}
if TEST_RUN:
    _cache["KEY_PREFIX"] = f"test-{TEST_RUN}-{os.environ.get('PYTEST_XDIST_WORKER', '')}"
_cache["OPTIONS"] = _cache_options | _cache.get("OPTIONS", {})
CACHES = {"default": _cache}

# --- Users ----------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["trellis.web.limits.Backend"]  # Django's, with limits against guessing
PASSWORD_HASHERS = [
    "trellis.web.hashing.Argon2PasswordHasher",  # Django's, a few at a time
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"
PASSWORD_RESET_TIMEOUT = 3600  # seconds that mailed links work, those to sign up as well

PROXY_COUNT = env.number("PROXY_COUNT", default=1 if PRODUCTION else 0)
# Requests to /health/ready with this bearer token get the state of each dependency.
HEALTH_TOKEN = env.secret("HEALTH_TOKEN", length=30, needed=False)

# --- Pages ----------------------------------------------------------------------------------

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
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
_static_files = (
    "whitenoise.storage.CompressedManifestStaticFilesStorage"  # hashed names, cached for ever
    if PRODUCTION
    else "django.contrib.staticfiles.storage.StaticFilesStorage"
)
_uploads = env.storage("STORAGE_URL", default=VAR_DIR / "media")
STORAGES = {"default": _uploads, "staticfiles": {"BACKEND": _static_files}}
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = not PRODUCTION

MEDIA_URL = "media/"
MEDIA_ROOT = _uploads["OPTIONS"].get("location", "")  # "" with a bucket, whose host sends the files
UPLOAD_MAX_BYTES = 20_000_000  # of a request with files
FILE_UPLOAD_HANDLERS = [
    "trellis.web.uploads.UploadLimit",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

SECURE_CSP = {
    "default-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:", *filter(None, [_uploads["OPTIONS"].get("endpoint_url")])],
    "style-src": [CSP.SELF],
    "object-src": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
}
X_FRAME_OPTIONS = "DENY"
if PRODUCTION:
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    SECURE_SSL_REDIRECT = env.flag("SECURE_SSL_REDIRECT", default=True)
    if PROXY_COUNT:  # with no proxy in front, this header comes from the visitor
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = env.number("SECURE_HSTS_SECONDS", default=31_536_000)
    # Both bind every host below the domain, for months, so a team turns them on knowingly.
    SECURE_HSTS_INCLUDE_SUBDOMAINS = env.flag("SECURE_HSTS_INCLUDE_SUBDOMAINS", default=False)
    SECURE_HSTS_PRELOAD = env.flag("SECURE_HSTS_PRELOAD", default=False)
    SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]  # that these two are off

# Where the map finds the files in production: "https://github.com/acme/desk/blob/main/{path}#L{line}"
SOURCE_URL = ""

# --- Mail -----------------------------------------------------------------------------------

DEFAULT_FROM_EMAIL = env.sender(
    "DEFAULT_FROM_EMAIL", default="hello@localhost", example="hello@example.com"
)
_mail_in_files = {
    "BACKEND": "django.core.mail.backends.filebased.EmailBackend",
    "OPTIONS": {"file_path": VAR_DIR / "mail"},
}
MAILERS = {"default": env.mailer("EMAIL_URL", default=_mail_in_files)}

# --- What is kept ---------------------------------------------------------------------------

# Each night trellis.clean_up deletes what is older, and sessions and limits that are over.
RETENTION_DAYS = {
    "failures": 30,  # tasks that failed and were replayed or discarded
    "claims": 90,  # `once` remembers what was done, for longer than anything is tried again
    "cache_figures": 365,  # so that a cache can be compared with last year's
    "files": 30,  # mails and logs in files, as in development
}

# --- Logs and errors ------------------------------------------------------------------------

LOG_LEVEL = env.choice(
    "LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), default="INFO"
)
_log_json = env.flag("LOG_JSON", default=PRODUCTION)
# In development log lines go to a file as well, where `manage.py story` and `slow` find them.
LOG_FILE = env.text(
    "LOG_FILE",
    default="" if PRODUCTION else str(VAR_DIR / "log" / "app.jsonl"),
    example="/var/log/app.jsonl",
)
_sentry_dsn = env.sentry("SENTRY_DSN")
env.check()  # everything is read: report all faults, before anything is started

LOGGING_CONFIG = None  # trellis.logs sets logging up: the same for web, worker and commands
DJANGO_STRUCTLOG_CELERY_ENABLED = True
logs.configure(level=LOG_LEVEL, as_json=_log_json, json_file=LOG_FILE)

if _sentry_dsn:
    import sentry_sdk
    from sentry_sdk.integrations.celery import CeleryIntegration
    from trellis import sentry

    sentry_sdk.init(
        dsn=_sentry_dsn,
        environment=env.name,
        integrations=[CeleryIntegration(monitor_beat_tasks=True)],  # a monitor for each schedule
        send_default_pii=False,
        include_local_variables=False,  # they include passwords
        max_request_body_size="never",  # so does what was posted: Sentry misses `password1`
        before_send=sentry.before_send,
        before_breadcrumb=sentry.before_breadcrumb,
    )
