"""What is wrong with values in the environment and `.env`, told without passwords."""

import io
import re
from collections.abc import Callable, Sequence
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import environ
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

NEEDS_NO_ADDRESS = ("local", "memory", "locmemcache", "dummycache", "consolemail")
COMMENT = " A comment needs a line of its own."


def fault_of(value: str, *, schemes: Sequence[str]) -> str:
    """Return what is wrong with a URL, without any part of it but the scheme; "" if nothing is."""
    match = re.match(r"([a-z][a-z0-9+.-]*)://", value)
    if not match:
        return "is not a URL."
    if match[1] not in schemes:
        return f"begins with {match[1]}://, which does not work here."
    rest = value[match.end() :]
    authority = re.split(r"[/?#]", rest)[0]
    if rest.count("@") > 1 or ("@" in rest and "@" not in authority):
        return "has @ / ? or # in its user name or password. Write them as %40 %2F %3F %23."
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return "has a host or port that cannot be read. A password must be percent-encoded."
    if re.search(r"\s", value):
        return f"has a space in it.{COMMENT}"
    if not rest.strip("/") and match[1] not in NEEDS_NO_ADDRESS:
        return f"has nothing after {match[1]}://."
    if match[1] == "sqlite" and not rest.startswith("//"):  # a relative path: of any folder
        return "needs four slashes and a whole path, as in sqlite:////srv/db.sqlite3."
    return ""


def redis_database(url: str) -> tuple[str, ...] | None:
    """Return the host, with its port, and number of a Redis database; None for another URL."""
    match = re.match(r"rediss?://(?:.*@)?([^/?]+?)(?::6379)?(?:/([0-9]*))?(?:\?|$)", url)
    return match and (match[1], match[2] or "0")


def bucket_of(url: str, *, schemes: dict[str, str]) -> tuple[dict[str, Any], str]:
    """Return the options of a bucket, and what is wrong with its URL; "" if nothing is."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    options = {
        "access_key": unquote(parts.username or ""),
        "secret_key": unquote(parts.password or ""),
        "bucket_name": unquote(parts.path.strip("/")),
        "endpoint_url": f"{schemes[parts.scheme]}://{parts.netloc.rpartition('@')[2]}",
        "region_name": query.pop("region", None),
    }
    if not (parts.username and parts.password and parts.hostname):
        return options, "needs a key, a secret and a host."
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]+", options["bucket_name"] or ""):
        return options, "names no bucket."
    return options, "has an option that does not exist." if query else ""


def is_sender(value: str) -> bool:
    """Tell whether a value is an email address, alone or as `Name <address>`."""
    address = parseaddr(value)[1]
    try:
        validate_email(address)
    except ValidationError:
        return False
    return value == address or value.endswith(f"<{address}>")


def read_file(path: Path, *, refuse: Callable[[str, str], None]) -> None:
    """Add the settings of a `.env` to the environment. What is there already wins."""
    try:
        text = path.read_bytes().decode("utf-8-sig") if path.exists() else ""
    except OSError as error:
        refuse(".env", f"cannot be read: {error.strerror}.")
        return
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        refuse(".env", "is not UTF-8 text. Save it with the encoding UTF-8.")
        return
    lines = [line.strip() for line in text.splitlines()]
    for number, line in enumerate(lines, 1):
        if line and not re.match(r"#|(export )?[A-Za-z_0-9]+=", line):
            refuse(f".env:{number}", "is no setting. Write NAME=value without spaces.")
    environ.Env.read_env(io.StringIO("\n".join(lines)))
