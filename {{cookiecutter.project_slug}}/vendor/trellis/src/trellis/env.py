"""Read settings from the environment: typed, every fault reported at once, nothing fails open.

    env = Environment(root=BASE_DIR)
    DEBUG = env.flag("DEBUG", default=not env.production)
    SECRET_KEY = env.secret("SECRET_KEY", development="only-in-development")
    env.check()  # raises WrongEnvironment with one line for each fault

A reader returns a value of its type. A value that it cannot read is recorded as a fault, and the
default is returned, so that `check` reports all faults together. An empty value counts as not set.
A message never holds a password: of a URL it shows the scheme at most, of a secret its length.
"""

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from trellis import env_values

HOST = r"\.?[\w-]+(\.[\w-]+)*|\[[0-9a-fA-F:.]+\]"
ORIGIN = r"https?://(\*\.)?[\w-]+(\.[\w-]+)*(:\d+)?"
DATABASES = ("postgres", "postgresql", "sqlite")
SHARED_CACHES = ("redis", "rediss", "dbcache")
OTHER_CACHES = ("locmemcache", "dummycache")  # each process has its own, or none
MAIL_PORTS = {"smtp": 25, "smtp+tls": 587, "smtp+ssl": 465, "consolemail": None}
STORAGES = {"s3": "https", "s3+http": "http"}  # the schemes of buckets, and how to reach them
PLACEHOLDER = re.compile(r"change[-_ ]?me", re.I)


class WrongEnvironment(ImproperlyConfigured):
    """The environment or `.env` holds values that cannot be used; the message lists them."""


def use_settings(module: str) -> None:
    """Set DJANGO_SETTINGS_MODULE, or exit with one line if it names another project's module."""
    found = os.environ.setdefault("DJANGO_SETTINGS_MODULE", module)
    # `module` is no package: `config.settings.local` is of a project that is laid out otherwise.
    if found.partition(".")[0] != module.partition(".")[0] or found.startswith(f"{module}."):
        sys.exit(
            f"DJANGO_SETTINGS_MODULE is {found!r}, which belongs to another project."
            f" Unset it. This project's is {module}."
        )
    os.environ.pop("CELERY_CONFIG_MODULE", None)  # another project's; ours is config/celery.py
    sys.excepthook = _print_error


def _print_error(kind: Any, error: BaseException, traceback: Any) -> None:
    """Print a wrong environment as its message, which is complete: a traceback would hide it."""
    if isinstance(error, WrongEnvironment):
        print(error, file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, traceback)


class Environment:
    """The process's environment, then `.env` in `root`. IGNORE_ENV_FILE=1 leaves `.env` out.

    `production` tells whether DJANGO_ENV is "production". Readers called with `needed=True`
    have a default in development only. `variables` holds the name of every variable read so far.
    """

    def __init__(self, *, root: Path) -> None:
        self.variables: set[str] = set()
        self._faults: dict[str, str] = {}
        if not os.environ.get("IGNORE_ENV_FILE"):
            env_values.read_file(root / ".env", refuse=self.refuse)
        self.production = False
        self.name = self.choice("DJANGO_ENV", ("development", "production"), default="development")
        if "DJANGO_ENV" in self._faults:
            self.check()  # what else is needed depends on it
        self.production = self.name == "production"

    def check(self) -> None:
        """Raise `WrongEnvironment` if any value read so far was wrong."""
        faults = list(self._faults.values())
        if len(faults) > 1:
            lines = "".join(f"\n  {fault}" for fault in faults)
            raise WrongEnvironment(f"{len(faults)} settings are wrong (see .env.example):{lines}")
        if faults:
            raise WrongEnvironment(faults[0])

    def refuse(self, name: str, why: str) -> None:
        """Record a fault of a variable: `why` continues a sentence that begins with its name."""
        self._faults.setdefault(name, f"{name} {why}")

    def choice(self, name: str, choices: Sequence[str], *, default: str) -> str:
        """Return one of `choices`, spelt as there. Upper and lower case do not matter."""
        value = self._value(name)
        for choice in choices:
            if value.lower() == choice.lower():
                return choice
        if value:
            self._wrong(name, value, wanted=f"one of {', '.join(choices)}")
        return default

    def flag(self, name: str, *, default: bool) -> bool:
        """Return a truth value: true, yes, on or 1; false, no, off or 0."""
        value = self._value(name).lower()
        if value in ("true", "yes", "on", "1"):
            return True
        if value in ("false", "no", "off", "0"):
            return False
        if value:
            self._wrong(name, value, wanted="true or false")
        return default

    def number(self, name: str, *, default: int) -> int:
        """Return a whole number, zero or more."""
        value = self._value(name)
        if re.fullmatch(r"[0-9]{1,9}", value):
            return int(value)
        if value:
            self._wrong(name, value, wanted="a whole number")
        return default

    def text(self, name: str, *, default: str, example: str, needed: bool = False) -> str:
        """Return one line of text."""
        value = self._value(name, example=example, needed=needed)
        if " #" in value:
            self._wrong(name, value, wanted=example)
        return value or default

    def sender(self, name: str, *, default: str, example: str) -> str:
        """Return the address of a sender, alone or as `Name <address>`."""
        value = self.text(name, default=default, example=example, needed=True)
        if not env_values.is_sender(value):
            self._wrong(name, value, wanted=example)
        return value

    def secret(
        self, name: str, *, development: str = "", length: int = 50, needed: bool = True
    ) -> str:
        """Return a secret. In production it needs `length` characters, and many different ones."""
        wanted = f"{length} or more random characters"
        value = self._value(name, example=wanted, needed=needed)
        if self.production and 0 < len(value) < length:
            self.refuse(name, f"has {len(value)} characters. Write {wanted}.")
        elif self.production and value and (len(set(value)) < 8 or "django-insecure" in value):
            self.refuse(name, f"is easy to guess. Write {wanted}.")
        return value or development

    def names(
        self,
        name: str,
        *,
        pattern: str,
        default: Sequence[str],
        example: str,
        development: Sequence[str] = (),
        needed: bool = False,
    ) -> list[str]:
        """Return a list that was separated by commas, each element matching `pattern`.

        The elements in `development` are accepted outside of production as well.
        """
        value = self._value(name, example=example, needed=needed)
        found = [element.strip() for element in value.split(",") if element.strip()]
        accepted = () if self.production else development
        for element in found:
            if element not in accepted and not re.fullmatch(pattern, element, re.ASCII):
                self._wrong(name, element, wanted=example)
        return found or list(default)

    def url(
        self,
        name: str,
        *,
        schemes: Sequence[str],
        default: str,
        example: str,
        development: Sequence[str] = (),
        needed: bool = False,
    ) -> str:
        """Return a URL with one of `schemes`; those in `development` outside of production only."""
        value = self._value(name, example=example, needed=needed)
        if not value:
            return default
        accepted = schemes if self.production else (*schemes, *development)
        if why := env_values.fault_of(value, schemes=accepted):
            self.refuse(name, f"{why} Write {example}.")
            return default
        return value

    def database(self, name: str, *, default: dict[str, Any]) -> dict[str, Any]:
        """Return an entry for DATABASES: PostgreSQL or SQLite."""
        example = "postgres://user:password@host:5432/name"
        url = self.url(name, schemes=DATABASES, default="", example=example, needed=True)
        found: dict[str, Any] = environ.Env.db_url_config(url) if url else default
        if url and not found["NAME"]:
            self.refuse(name, f"names no database. Write {example}.")
        return found

    def cache(self, name: str, *, default: str, broker: str) -> dict[str, Any]:
        """Return an entry for CACHES. In production all processes must share it.

        It may not be the database of `broker`, a variable: to clear it would delete messages.
        """
        url = self.url(
            name,
            schemes=SHARED_CACHES,
            development=OTHER_CACHES,
            default=default,
            example="redis://host:6379/0",
            needed=True,
        )
        database = env_values.redis_database(url)
        if database and database == env_values.redis_database(self._value(broker)):
            self.refuse(name, f"is the database of {broker} as well. Write another number.")
        found: dict[str, Any] = environ.Env.cache_url_config(url)
        return found

    def mailer(self, name: str, *, default: dict[str, Any]) -> dict[str, Any]:
        """Return an entry for MAILERS: an SMTP server, or the console."""
        example = "smtp+tls://user:password@host:587"
        url = self.url(name, schemes=(*MAIL_PORTS,), default="", example=example, needed=True)
        if not url:
            return default
        mail = environ.Env.email_url_config(url)
        options = {
            "host": mail["EMAIL_HOST"],
            "port": mail["EMAIL_PORT"] or MAIL_PORTS[urlsplit(url).scheme],
            "username": mail["EMAIL_HOST_USER"] or "",
            "password": mail["EMAIL_HOST_PASSWORD"] or "",
            "use_tls": mail.get("EMAIL_USE_TLS", False),
            "use_ssl": mail.get("EMAIL_USE_SSL", False),
            "timeout": 10,  # seconds
        }
        is_smtp = mail["EMAIL_BACKEND"].endswith("smtp.EmailBackend")
        return {"BACKEND": mail["EMAIL_BACKEND"], "OPTIONS": options if is_smtp else {}}

    def storage(self, name: str, *, default: Path) -> dict[str, Any]:
        """Return an entry for STORAGES: a bucket of an S3 API, or a folder on this host.

        Outside of production the default is a folder, and memory:// keeps files in memory.
        """
        example = "s3://key:secret@host/bucket?region=eu-central-1"
        url = self.url(
            name,
            schemes=(*STORAGES, "file"),
            development=("memory",),
            default=default.as_uri(),
            example=example,
            needed=True,
        )
        parts = urlsplit(url)
        if parts.scheme == "memory":
            return {"BACKEND": "django.core.files.storage.InMemoryStorage", "OPTIONS": {}}
        if parts.scheme == "file":
            if parts.netloc:
                self.refuse(name, "needs three slashes before the path, file:///.")
            # Uploads are public: var/ holds the database, and the project's folder its secrets.
            if default.resolve().parent.is_relative_to(Path(unquote(parts.path)).resolve()):
                self.refuse(name, "would make other files public. Write file:///srv/media.")
            return {
                "BACKEND": "django.core.files.storage.FileSystemStorage",
                "OPTIONS": {"location": unquote(parts.path)},
            }
        options, why = env_values.bucket_of(url, schemes=STORAGES)
        if why:
            self.refuse(name, f"{why} Write {example}.")
        return {"BACKEND": "trellis.bucket.Bucket", "OPTIONS": options}

    def sentry(self, name: str) -> str:
        """Return the address (DSN) of a project of Sentry, or ""."""
        example = "https://key@host/1"
        url = self.url(name, schemes=("https", "http"), default="", example=example)
        if url and not re.fullmatch(r"\w+://[^/?#:@]+(:[^/?#@]*)?@[^/?#:@][^?#]*/[0-9]+", url):
            self.refuse(name, f"lacks a key, a host or the number of a project. Write {example}.")
        return url

    def _value(self, name: str, *, example: str = "a value", needed: bool = False) -> str:
        """Return the value without spaces around it; "" if it is not set or a placeholder."""
        self.variables.add(name)
        value = os.environ.get(name, "").strip()
        if self.production and PLACEHOLDER.search(value):
            self.refuse(name, f"still holds a placeholder. Write {example}.")
            return ""
        if self.production and needed and not value:
            self.refuse(name, f"is not set, and production needs it. Write {example}.")
        return value

    def _wrong(self, name: str, value: str, *, wanted: str) -> None:
        scheme, is_url, _ = value.partition("://")
        shown = f"{scheme}://…" if is_url else value if len(value) <= 40 else f"{value[:39]}…"
        comment = env_values.COMMENT if " #" in value else ""
        self.refuse(name, f"cannot be {shown!r}. Write {wanted}.{comment}")
