"""Every setting, in one file.

With an empty environment this is a working development set-up that needs no server: SQLite, a
cache in the database, Celery over a folder, mail in files. `DJANGO_ENV=production` makes it a
production one, and then everything in `PRODUCTION_NEEDS` must be set. Values come from the
environment first and from `.env` second; `.env.example` explains each.
"""

import os
import re
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django_stubs_ext
import environ
from django.core.exceptions import ImproperlyConfigured
from django.utils.csp import CSP
from trellis import logs

django_stubs_ext.monkeypatch()  # so that `ModelAdmin[Booking]` means something at run time, too

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"  # what the running project writes; never committed
VAR_DIR.mkdir(exist_ok=True)

PYPROJECT = tomllib.loads((BASE_DIR / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT_NAME: str = PYPROJECT["tool"]["trellis"]["project_name"]
PROJECT_DESCRIPTION: str = PYPROJECT["project"]["description"]

env = environ.Env()
if not env.bool("IGNORE_ENV_FILE", default=False):  # the tests do: they are the same for everyone
    env_file = BASE_DIR / ".env"
    lines = env_file.read_text(encoding="utf-8").splitlines() if env_file.exists() else []
    for number, line in enumerate(lines, 1):
        if line.strip() and not re.match(r"\s*(#|(export\s+)?\w+=)", line):
            raise ImproperlyConfigured(
                f".env:{number} is no setting. Write NAME=value, no spaces around the =."
            )
    environ.Env.read_env(env_file)

ENVIRONMENT = env("DJANGO_ENV", default="development")
if ENVIRONMENT not in {"development", "production"}:
    raise ImproperlyConfigured(
        f"DJANGO_ENV is {ENVIRONMENT!r}. Set it to 'development' or 'production'."
    )
PRODUCTION = ENVIRONMENT == "production"

PRODUCTION_NEEDS = {
    "SECRET_KEY": "50 or more random characters",
    "ALLOWED_HOSTS": "the names this site answers to, separated by commas",
    "DATABASE_URL": "postgres://user:password@host:5432/name",
    "CACHE_URL": "redis://host:6379/0",
    "CELERY_BROKER_URL": "redis://host:6379/1 or amqp://user:password@host:5672//",
    "EMAIL_URL": "smtp+tls://user:password@host:587",
    "DEFAULT_FROM_EMAIL": "the address our mail comes from",
}
PLACEHOLDER = "change-me"
DEVELOPMENT_KEY = "development-only-" + PLACEHOLDER

if PRODUCTION:
    unset = [
        f"  {name}: {what}"
        for name, what in PRODUCTION_NEEDS.items()
        if not os.environ.get(name) or PLACEHOLDER in os.environ[name]
    ]
    if unset:
        raise ImproperlyConfigured(
            "DJANGO_ENV=production needs these variables (missing, empty or still a placeholder):\n"
            + "\n".join(unset)
        )

for name, schemes in {
    "DATABASE_URL": {"postgres", "postgresql", "sqlite"},
    "CACHE_URL": env.CACHE_SCHEMES,
    "CELERY_BROKER_URL": {"local", "memory", "redis", "rediss", "redis+socket", "amqp", "amqps"},
    "EMAIL_URL": env.EMAIL_SCHEMES,
    "SENTRY_DSN": {"http", "https"},
}.items():
    address = env(name, default="")
    if address and address.partition("://")[0] not in schemes:
        # No more of it than its scheme: a password may follow.
        raise ImproperlyConfigured(
            f"{name} is {address.partition(':')[0]!r}."
            f" Write {PRODUCTION_NEEDS.get(name, 'https://key@host/project')}."
        )
for name in ("PROXY_COUNT", "SECURE_HSTS_SECONDS"):
    if not (value := env(name, default="0")).isdecimal():
        raise ImproperlyConfigured(f"{name} is {value!r}. Write a whole number.")

# Not through `env`, which takes a value that begins with `$` for another variable's name.
SECRET_KEY = os.environ.get("SECRET_KEY") or DEVELOPMENT_KEY
DEBUG = env.bool("DEBUG", default=not PRODUCTION)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

if PRODUCTION and DEBUG:
    raise ImproperlyConfigured("DEBUG is on and DJANGO_ENV is 'production'. Unset DEBUG.")
if PRODUCTION and len(SECRET_KEY) < 50:
    raise ImproperlyConfigured(
        f"SECRET_KEY has {len(SECRET_KEY)} characters. Set it to 50 or more random ones."
    )

# --- What it is made of ---------------------------------------------------------------------

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
    "trellis.web.health.HealthMiddleware",  # first: a probe knows neither our name nor TLS
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

if not PRODUCTION and find_spec("zeal"):  # docs/performance.md says how to use these two
    INSTALLED_APPS.append("zeal")
    MIDDLEWARE.append("zeal.middleware.zeal_middleware")
    ZEAL_RAISE = False  # it warns, and in the tests a warning is an error
    # It slows what it measures and covers a part of each page, so it is there when asked for.
    if env.bool("TOOLBAR", default=False):
        INSTALLED_APPS.append("debug_toolbar")
        MIDDLEWARE.insert(0, "debug_toolbar.middleware.DebugToolbarMiddleware")
        INTERNAL_IPS = ["127.0.0.1", "::1"]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
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

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

# --- Data -----------------------------------------------------------------------------------

DATABASES: dict[str, dict[str, Any]] = {
    "default": env.db_url("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'db.sqlite3'}")
}
_database = DATABASES["default"]
_database["ATOMIC_REQUESTS"] = False  # services open their own transactions; caches rely on it
if "sqlite3" in _database["ENGINE"]:
    # Without IMMEDIATE, two writers that read first fail with "database is locked" at once
    # instead of waiting their turn (docs/adr/0003).
    _options: dict[str, Any] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
    }
    # In a file, so that tests with threads see one database.
    _database["TEST"] = {"NAME": VAR_DIR / "test.sqlite3"}
else:
    _database.setdefault("CONN_MAX_AGE", 60)
    _database["CONN_HEALTH_CHECKS"] = True
    _options = {
        # Milliseconds. A statement, a lock or an idle transaction that takes longer than this
        # is a fault we want to hear about, not one we want to wait for.
        "options": "-c statement_timeout=30000 -c lock_timeout=10000"
        " -c idle_in_transaction_session_timeout=60000"
    }

_database["OPTIONS"] = _options | _database.get("OPTIONS", {})  # what the URL says wins

CACHES: dict[str, dict[str, Any]] = {
    "default": env.cache_url("CACHE_URL", default="dbcache://django_cache")
}
if "DatabaseCache" in CACHES["default"]["BACKEND"]:
    # Django's default of 300 entries would throw away what was just cached.
    CACHES["default"].setdefault("OPTIONS", {})["MAX_ENTRIES"] = 50_000
elif "redis" in CACHES["default"]["BACKEND"]:
    # Seconds. A cache that is slower than this is no help; reads go past it (docs/adr/0005).
    CACHES["default"]["OPTIONS"] = {
        "socket_connect_timeout": 0.5,
        "socket_timeout": 0.5,
    } | CACHES["default"].get("OPTIONS", {})

# --- People ---------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # locks an account after too many wrong passwords
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
AXES_VERBOSE = False
AXES_USERNAME_FORM_FIELD = "username"  # what Django names the field, though it holds the email
AXES_USERNAME_CALLABLE = "trellis.web.requests.sign_in_name"
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 1  # hours
# Of both together, so that nobody locks out somebody else.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "trellis.web.requests.client_address"
PROXY_COUNT = env.int("PROXY_COUNT", default=1 if PRODUCTION else 0)  # how many stand in front

# --- Pages ----------------------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
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
    SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
    if PROXY_COUNT:  # 0: nothing stands in front, so nobody may claim TLS
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True

# --- Mail -----------------------------------------------------------------------------------

DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL", default="hello@localhost")
if env("EMAIL_URL", default=""):
    _mail = env.email_url("EMAIL_URL")
    MAILERS: dict[str, dict[str, Any]] = {
        "default": {
            "BACKEND": _mail["EMAIL_BACKEND"],
            "OPTIONS": {
                "host": _mail["EMAIL_HOST"],
                "port": _mail["EMAIL_PORT"] or (465 if _mail.get("EMAIL_USE_SSL") else 587),
                "username": _mail["EMAIL_HOST_USER"] or "",
                "password": _mail["EMAIL_HOST_PASSWORD"] or "",
                "use_tls": _mail.get("EMAIL_USE_TLS", False),
                "use_ssl": _mail.get("EMAIL_USE_SSL", False),
                "timeout": 10,  # seconds
            }
            if "smtp" in _mail["EMAIL_BACKEND"]
            else {},
        }
    }
else:
    MAILERS = {
        "default": {
            "BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "OPTIONS": {"file_path": VAR_DIR / "mail"},
        }
    }

# --- Tasks (docs/adr/0004 says what each of these answers) ------------------------------------

CELERY_BROKER_URL = env("CELERY_BROKER_URL", default="local://localhost")
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
        "folder": str(env.path("LOCAL_BROKER_FOLDER", default=str(VAR_DIR / "broker"))),
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

# --- What it says ---------------------------------------------------------------------------

LOG_LEVEL = env("LOG_LEVEL", default="INFO")
LOGGING_CONFIG = None  # config/logging.py sets it up, the same for web, worker and commands
DJANGO_STRUCTLOG_CELERY_ENABLED = True
# In development the same lines also go to a file, as JSON, where `manage.py story` finds them.
LOG_FILE = env("LOG_FILE", default="" if PRODUCTION else str(VAR_DIR / "log" / "app.jsonl"))
logs.configure(
    level=LOG_LEVEL, as_json=env.bool("LOG_JSON", default=PRODUCTION), json_file=LOG_FILE
)

if env("SENTRY_DSN", default=""):
    import sentry_sdk

    sentry_sdk.init(
        dsn=env("SENTRY_DSN"),
        environment=ENVIRONMENT,
        send_default_pii=False,
        include_local_variables=False,  # passwords are among them
        max_request_body_size="never",  # and in what was posted: password1 passes Sentry's filter
        before_send=logs.tag_owner,
    )

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
