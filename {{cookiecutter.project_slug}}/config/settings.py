"""Every setting, in one file. Celery's own are in celery.py.

With an empty environment this is a working development set-up that needs no server: SQLite, a
cache in the database, tasks in a folder, mail in files. DJANGO_ENV=production makes it a
production one, which needs the variables marked so in `.env.example`.
"""

import os
import sys
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

import django_stubs_ext
from django.core.exceptions import ImproperlyConfigured
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
    "axes",
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
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "trellis.web.requests.RequestMiddleware",
    "trellis.web.pages.BusinessErrorMiddleware",
    "axes.middleware.AxesMiddleware",
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

if not PRODUCTION and find_spec("zeal"):  # docs/performance.md says how to use these two
    INSTALLED_APPS.append("zeal")
    MIDDLEWARE.append("zeal.middleware.zeal_middleware")
    ZEAL_RAISE = False  # it warns, and in tests a warning is an error
    # The toolbar slows down every page and covers a part of it, so it is off by default.
    if env.flag("TOOLBAR", default=False):
        INSTALLED_APPS.append("debug_toolbar")
        MIDDLEWARE.insert(0, "debug_toolbar.middleware.DebugToolbarMiddleware")
        INTERNAL_IPS = ["127.0.0.1", "::1"]

# --- Database and cache ---------------------------------------------------------------------

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
    # A file, so that the threads of a test share it; one for each process, so that two test runs
    # can go on at the same time.
    _database["TEST"] = {"NAME": VAR_DIR / f"test-{os.getpid()}.sqlite3"}
else:
    _database_options = {
        # Milliseconds. What takes longer than this is a fault to report, not one to wait for.
        "options": "-c statement_timeout=30000 -c lock_timeout=10000"
        " -c idle_in_transaction_session_timeout=60000"
    }
    _database.setdefault("CONN_MAX_AGE", 60)  # seconds
    _database["CONN_HEALTH_CHECKS"] = True
_database["OPTIONS"] = _database_options | _database.get("OPTIONS", {})  # the URL's own win
_database["ATOMIC_REQUESTS"] = False  # services open transactions; cached reads depend on it
DATABASES = {"default": _database}

_cache = env.cache("CACHE_URL", default="dbcache://django_cache")
if _cache["BACKEND"].endswith("DatabaseCache"):
    _cache_options: dict[str, Any] = {"MAX_ENTRIES": 50_000}  # Django's 300 would drop most of it
elif _cache["BACKEND"].endswith("RedisCache"):
    # Seconds. A slower cache is of no use, so reads go to the database then (docs/adr/0005).
    _cache_options = {"socket_connect_timeout": 0.5, "socket_timeout": 0.5}
else:
    _cache_options = {}
_cache["OPTIONS"] = _cache_options | _cache.get("OPTIONS", {})
CACHES = {"default": _cache}

# --- Users ----------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # refuses sign-ins after too many wrong passwords
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
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

PROXY_COUNT = env.number("PROXY_COUNT", default=1 if PRODUCTION else 0)
AXES_VERBOSE = False
AXES_USERNAME_FORM_FIELD = "username"  # Django's name of the field, though it holds the email
AXES_USERNAME_CALLABLE = "trellis.web.requests.sign_in_name"
AXES_CLIENT_IP_CALLABLE = "trellis.web.requests.client_address"
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 1  # hours
# A name from one address, so that nobody can lock out somebody else.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]

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
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": _static_files},
}
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = not PRODUCTION

SECURE_CSP = {
    "default-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
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

# --- Mail -----------------------------------------------------------------------------------

DEFAULT_FROM_EMAIL = env.text(
    "DEFAULT_FROM_EMAIL", default="hello@localhost", example="hello@example.com", needed=True
)
_mail_in_files = {
    "BACKEND": "django.core.mail.backends.filebased.EmailBackend",
    "OPTIONS": {"file_path": VAR_DIR / "mail"},
}
MAILERS = {"default": env.mailer("EMAIL_URL", default=_mail_in_files)}

# --- Tasks (docs/adr/0004 says what each of these answers) ------------------------------------

CELERY_BROKER_URL = env.url(
    "CELERY_BROKER_URL",
    schemes=("local", "redis", "rediss", "redis+socket", "amqp", "amqps"),
    development=("memory",),
    default="local://",
    example="redis://host:6379/1",
    needed=True,
)
_broker = urlsplit(CELERY_BROKER_URL).scheme
# Seconds that a request waits for a broker that hangs, three times over: with its own connection,
# with a new one, and once more. So it is answered within two, and the message becomes a row.
CELERY_BROKER_CONNECTION_TIMEOUT = 0.5
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True  # a worker may start before its broker
CELERY_TASK_PUBLISH_RETRY_POLICY = {
    "max_retries": 1,  # for a pooled connection that went stale while nobody used it
    "interval_start": 0.1,
    "interval_step": 0.1,
    "interval_max": 0.2,
}
if _broker == "local":
    # Development and small single-host use: messages are files (trellis/local_broker.py).
    if sys.platform == "win32":
        raise ImproperlyConfigured(
            "The broker in files needs Linux or macOS (or WSL)."
            " Set CELERY_BROKER_URL to a Redis or RabbitMQ."
        )
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
        "folder": env.text(
            "LOCAL_BROKER_FOLDER", default=str(VAR_DIR / "broker"), example="/var/lib/desk/broker"
        ),
        "polling_interval": 0.1,  # seconds; less costs an idle worker more, for nothing one sees
    }
elif _broker.startswith("redis"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        # Seconds after which what a killed worker held goes to another. Longer than a message may
        # wait, also for a retry (30 minutes), and run (10): else it is delivered while its first
        # worker lives.
        "visibility_timeout": 3600,
        "unacked_mutex_expire": 10,  # one killed while it gives back bars the others this long
        "socket_timeout": CELERY_BROKER_CONNECTION_TIMEOUT,  # by default: for ever
        "socket_connect_timeout": CELERY_BROKER_CONNECTION_TIMEOUT,
    }
else:
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "confirm_publish": True,  # published means: the broker has it, not: it was sent
        "read_timeout": CELERY_BROKER_CONNECTION_TIMEOUT,  # by default: for ever
        "write_timeout": CELERY_BROKER_CONNECTION_TIMEOUT,
    }
    # Quorum queues are on disk before they are confirmed, and outlive the broker's restart.
    CELERY_TASK_DEFAULT_QUEUE_TYPE = CELERY_TASK_CREATE_MISSING_QUEUE_TYPE = "quorum"
    # Only through topic exchanges does a countdown wait in the broker instead of in a worker.
    CELERY_TASK_DEFAULT_EXCHANGE_TYPE = CELERY_TASK_CREATE_MISSING_QUEUE_EXCHANGE_TYPE = "topic"
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = ["trellis.tasks.base.route"]  # each task states its queue
CELERY_TASK_CREATE_MISSING_QUEUES = True  # and that is all a new queue takes
CELERY_TASK_IGNORE_RESULT = True  # what a task did is in the database, where it belongs
CELERY_TASK_ACKS_LATE = True  # a message is the broker's until its work is done
CELERY_TASK_REJECT_ON_WORKER_LOST = True  # also when the process that ran it was killed, ...
CELERY_TASK_RETRY_ON_WORKER_LOST = True  # ... which counts as one of its tries, so it ends
CELERY_TASK_SOFT_TIME_LIMIT = 540  # seconds, then the task is told
CELERY_TASK_TIME_LIMIT = 600  # seconds, then its process is killed: nothing runs for ever
CELERY_WORKER_CONSUMER = "trellis.tasks.worker:Consumer"  # what is unreadable becomes a row
CELERY_WORKER_PREFETCH_MULTIPLIER = 1  # no message waits in a worker while another is idle
CELERY_WORKER_MAX_TASKS_PER_CHILD = 1000  # a slow leak never grows old
# Seconds a worker that is told to stop (SIGTERM, with REMAP_SIGTERM=SIGQUIT) lets its tasks
# finish; the rest goes back to the broker.
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celerybeat-schedule")
CELERY_TIMEZONE = TIME_ZONE

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
_sentry_dsn = env.url(
    "SENTRY_DSN", schemes=("https", "http"), default="", example="https://key@host/project"
)
env.check()  # everything is read: report all faults, before anything is started

LOGGING_CONFIG = None  # trellis.logs sets logging up: the same for web, worker and commands
DJANGO_STRUCTLOG_CELERY_ENABLED = True
logs.configure(level=LOG_LEVEL, as_json=_log_json, json_file=LOG_FILE)

if _sentry_dsn:
    import sentry_sdk

    sentry_sdk.init(
        dsn=_sentry_dsn,
        environment=env.name,
        send_default_pii=False,
        include_local_variables=False,  # they include passwords
        max_request_body_size="never",  # so does what was posted: Sentry misses `password1`
        before_send=logs.tag_owner,
    )
