"""Proof that each URL states who may reach it, and that nobody else does."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.shortcuts import resolve_url
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

EVERYBODY, SIGNED_IN, STAFF = "everybody", "signed in", "staff"
SAMPLES = {"int": "0", "uuid": str(UUID(int=0))}  # by converter; for all others "x"


def assert_access(table: Mapping[str, str], *, user: Any) -> None:
    """Prove that `table` lists every URL of the project, and that only those reach it who may.

    `table` maps a route, as the URL configuration spells it, to its methods and who may use them:

        "bookings/<uuid:public_id>/": "GET signed in",
        "api/sessions": "GET everybody, POST staff",
        "admin/*": "GET staff",  # all that begins with admin/; only admin/ itself is requested

    `user` is an ordinary user, who is not staff. Each URL is requested without signing in and as
    `user`, with 0 for the ids in it: a refused request (401, 403 or the way to the login page)
    comes before a "not found".
    """
    routes = set(_routes(get_resolver().url_patterns))
    prefixes = tuple(route.removesuffix("*") for route in table if route.endswith("*"))
    faults = [
        f"{route}: no row says who may reach it"
        for route in sorted(routes)
        if route not in table and not (prefixes and route.startswith(prefixes))
    ]
    for route, row in table.items():
        if route.removesuffix("*") not in routes:
            faults.append(f"{route}: there is no such URL")
            continue
        for method, who in _read(row):
            faults += _faults(route.removesuffix("*"), method=method, who=who, user=user)
    if faults:
        raise AssertionError("Who may reach which URL:\n  " + "\n  ".join(faults))


def _routes(patterns: list[URLPattern | URLResolver], prefix: str = "/") -> Iterator[str]:
    for pattern in patterns:
        route = f"{prefix}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, route)
        else:
            # django-ninja has a converter of its own under this name.
            yield route.removeprefix("/").replace("<uuidstr:", "<uuid:")


def _read(row: str) -> Iterator[tuple[str, str]]:
    """Yield (method, who) of a row like "GET everybody, POST PUT staff"."""
    for part in row.split(","):
        methods = re.findall(r"\b[A-Z]+\b", part)
        who = part.split(methods[-1])[-1].strip() if methods else ""
        if who not in (EVERYBODY, SIGNED_IN, STAFF):
            raise ValueError(f"{row!r}: write methods and who, like 'GET POST {SIGNED_IN}'")
        yield from ((method, who) for method in methods)


def _faults(route: str, *, method: str, who: str, user: Any) -> Iterator[str]:
    path = "/" + re.sub(
        r"<(?:(\w+):)?\w+>", lambda match: SAMPLES.get(match[1] or "str", "x"), route
    )
    for name, client in (("somebody who is not signed in", Client()), ("a user", Client())):
        allowed = who == EVERYBODY
        if name == "a user":
            client.force_login(user)
            allowed = who in (EVERYBODY, SIGNED_IN)
        response = client.generic(method, path)
        if response.status_code == 405:
            yield f"{route}: {method} is not one of its methods"
            return
        if _is_refused(response) and allowed:
            yield f"{route}: {method} is for {who}, and refuses {name} ({response.status_code})"
        elif not _is_refused(response) and not allowed:
            yield f"{route}: {method} is for {who}, and {name} gets {response.status_code}"


def _is_refused(response: Any) -> bool:
    login_pages = (resolve_url(settings.LOGIN_URL), "/admin/login/")
    to_login = response.status_code == 302 and response.url.startswith(login_pages)
    return response.status_code in (401, 403) or to_login
