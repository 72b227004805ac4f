"""Proof that each URL states who may reach it, and that nobody else does."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.shortcuts import resolve_url
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

EVERYBODY, SIGNED_IN, STAFF = "everybody", "signed in", "staff"
OWNER, ANYONE = "owner", "anyone signed in"  # where a URL has an id
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
SAMPLES = {"int": "0", "uuid": str(UUID(int=0))}  # by converter; for all others "x"


def assert_access(
    table: Mapping[str, str],
    *,
    user: Any,
    owned: Mapping[str, tuple[Callable[[], Any], str]] | None = None,
) -> None:
    """Prove that `table` lists every URL of the project, and that only those reach it who may.

    `table` maps a route, as the URL configuration spells it, to its methods and who may use them.
    Every other method must get a 405:

        "bookings/": "GET signed in",
        "bookings/<uuid:public_id>/": "GET owner",  # others get a 404 or 403
        "sessions/<uuid:public_id>/book/": "POST anyone signed in",  # not one person's object
        "api/sessions": "GET everybody, POST staff",
        "admin/*": "GET staff",  # all that begins with admin/; only admin/ itself is requested

    `owned` has an object for each route that says "owner": the factory that makes one, and the name
    of its field with the owner. Ids are read from it by the names that they have in the route:

        "bookings/<uuid:public_id>/": (BookingFactory, "attendee"),

    `user` is an ordinary user, who is not staff and owns nothing. Each URL is requested without
    signing in and as `user`, with 0 for the ids of no object: a refused request (401, 403 or the
    way to the login page) comes before a "not found".
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
        methods = dict(_read(row))
        for method, who in methods.items():
            make = (owned or {}).get(route) if who == OWNER else None
            if who == OWNER and make is None:
                faults.append(f"{route}: {method} is for its {OWNER}, and `owned` has no object")
            elif who == SIGNED_IN and "<" in route:
                faults.append(f"{route}: {method}: whose is it? Write {OWNER!r} or {ANYONE!r}")
            else:
                faults += _faults(route, method=method, who=who, user=user, make=make)
        if not route.endswith("*"):
            faults += _other_methods(route, listed=methods, user=user)
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
        if who not in (EVERYBODY, SIGNED_IN, STAFF, OWNER, ANYONE):
            raise ValueError(f"{row!r}: write methods and who, like 'GET POST {SIGNED_IN}'")
        yield from ((method, who) for method in methods)


def _faults(
    route: str, *, method: str, who: str, user: Any, make: tuple[Callable[[], Any], str] | None
) -> Iterator[str]:
    people = [
        ("somebody who is not signed in", None, who == EVERYBODY),
        ("a user", user, who in (EVERYBODY, SIGNED_IN, ANYONE)),
    ]
    owned = make[0]() if make else None
    if make:
        people.append(("the owner", getattr(owned, make[1]), True))
    for name, person, allowed in people:
        status, refused = _request(method, _path(route.removesuffix("*"), of=owned), person)
        if status == 405:
            yield f"{route}: {method} is not one of its methods"
            return
        refused = refused or (make is not None and status == 404)
        if refused and allowed:
            yield f"{route}: {method} is for {who}, and refuses {name} ({status})"
        elif not refused and not allowed:
            yield f"{route}: {method} is for {who}, and {name} gets {status}"


def _other_methods(route: str, *, listed: Collection[str], user: Any) -> list[str]:
    others = [method for method in METHODS if method not in listed]
    answers = {method: _request(method, _path(route), user)[0] for method in others}
    answered = [f"{method} ({status})" for method, status in answers.items() if status != 405]
    return [f"{route}: answers {', '.join(answered)}, not in its row"] if answered else []


def _path(route: str, *, of: Any = None) -> str:
    """Return an address of the route, with the ids of an object or with 0."""

    def sample(match: re.Match[str]) -> str:
        return str(getattr(of, match[2])) if of else SAMPLES.get(match[1] or "str", "x")

    return "/" + re.sub(r"<(?:(\w+):)?(\w+)>", sample, route)


def _request(method: str, path: str, person: Any) -> tuple[int, bool]:
    """Return the status of an answer, and whether it refuses the person (None: not signed in)."""
    client = Client()
    if person:
        client.force_login(person)
    response = client.generic(method, path)
    return response.status_code, _is_refused(response)


def _is_refused(response: Any) -> bool:
    login_pages = (resolve_url(settings.LOGIN_URL), "/admin/login/")
    to_login = response.status_code == 302 and response.url.startswith(login_pages)
    return response.status_code in (401, 403) or to_login
