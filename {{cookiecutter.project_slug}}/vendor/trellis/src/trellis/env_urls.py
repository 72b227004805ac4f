"""What is wrong with a URL in the environment, without its password."""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

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
    if match[1] == "sqlite" and authority:
        return "needs three slashes before the path, sqlite:///."
    if not rest.strip("/") and match[1] not in NEEDS_NO_ADDRESS:
        return f"has nothing after {match[1]}://."
    return ""
