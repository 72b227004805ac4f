"""How often somebody may try to sign in, to sign up or to reset a password.

Attempts are counted by the name that was typed (an email address), by the IP address they come
from, and by both, before a password is hashed. `Backend` counts each sign-in, that of the admin
too; views count the rest.

A name is *trusted* for 90 days where it signed in: only the limit by both holds there. So no
stranger locks somebody out where they usually are. Elsewhere a lock ends with its minutes, and at
once when the password is reset.
"""

import ipaddress
import math
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import BaseBackend, ModelBackend
from django.db.models import Case, F, Q, When
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

from trellis.models import Limit
from trellis.web.requests import client_address
from trellis.web.status import TooManyRequests

logger = structlog.get_logger(__name__)

NAME, ADDRESS, BOTH, TRUSTED = "name", "address", "name and address", "trusted"
TRUST_LASTS = timedelta(days=90)
SIGN_IN, SIGN_UP, PASSWORD_RESET = "sign_in", "sign_up", "password_reset"
# How many attempts in how many minutes, beginning with the first. The address comes first, so that
# a flood from one adds no rows.
ALLOWED = {
    SIGN_IN: {
        ADDRESS: (50, 15),  # an office behind one address makes fewer mistakes
        BOTH: (5, 15),  # by then, people have tried all the passwords that they remember
        NAME: (30, 60),  # more than the 25 that one address can reach: it locks nobody out
    },
    # Each of these mails somebody whom the visitor chooses.
    SIGN_UP: {ADDRESS: (20, 60), NAME: (5, 60)},
    PASSWORD_RESET: {ADDRESS: (20, 60), NAME: (5, 60)},
}


class Backend(ModelBackend):
    """Django's own backend, within the limits. Raises `TooManyRequests`."""

    def authenticate(
        self, request: Any, username: Any = None, password: Any = None, **kwargs: Any
    ) -> Any:
        name = username or kwargs.get(get_user_model().USERNAME_FIELD)
        if name is None or password is None:
            return None
        counted = count(request, SIGN_IN, name=name)
        try:
            user = super().authenticate(request, username=name, password=password)
        except TooManyRequests:  # to hash: it was no attempt
            _give_back(counted)
            raise
        if user is not None:
            _give_back(counted)  # an office may sign in as often as it likes
            trust(request, name=name)
        return user

    aauthenticate = BaseBackend.aauthenticate  # type: ignore[assignment]  # calls `authenticate`


def count(request: HttpRequest | None, what: str, *, name: str) -> list[str]:
    """Count an attempt, and return the keys of the rows that did.

    `what` is one of `ALLOWED`, and `name` the email address that was typed, in any spelling. Raises
    `TooManyRequests` where a limit is reached: such an attempt does not count.
    """
    at = timezone.now()
    trusted = Limit.objects.filter(key=_key(what, TRUSTED, request, name), ends_at__gt=at)
    limits = {BOTH: ALLOWED[what][BOTH]} if trusted.exists() else ALLOWED[what]
    counted: list[str] = []
    for by, (attempts, minutes) in limits.items():
        key = _key(what, by, request, name)
        ends_at = _take(key, attempts=attempts, window=timedelta(minutes=minutes), at=at)
        if ends_at:
            logger.warning("limit_reached", what=what, by=by)
            _give_back(counted)
            raise TooManyRequests(retry_after=math.ceil((ends_at - at).total_seconds()))
        counted.append(key)
    return counted


def trust(request: HttpRequest | None, *, name: str) -> None:
    """Trust a name where a request comes from: its owner is there."""
    Limit.objects.filter(key=_key(SIGN_IN, BOTH, request, name)).delete()
    end = {"ends_at": timezone.now() + TRUST_LASTS}
    Limit.objects.update_or_create(key=_key(SIGN_IN, TRUSTED, request, name), defaults=end)


def _take(key: str, *, attempts: int, window: timedelta, at: datetime) -> datetime | None:
    """Count an attempt, in a new window if the last one is over; if it is full, return its end."""
    is_over = Q(ends_at__lte=at)
    while True:
        Limit.objects.bulk_create([Limit(key=key, ends_at=at + window)], ignore_conflicts=True)
        # One conditional write, so that attempts at the same time cannot share a place.
        taken = Limit.objects.filter(is_over | Q(count__lt=attempts), key=key).update(
            count=Case(When(is_over, then=1), default=F("count") + 1),
            ends_at=Case(When(is_over, then=at + window), default=F("ends_at")),
        )
        if taken:
            return None
        if full := Limit.objects.filter(key=key).first():
            return full.ends_at
        # It was deleted in between, by `trust` or the nightly clean-up.


def _give_back(keys: list[str]) -> None:
    Limit.objects.filter(key__in=keys, count__gt=0).update(count=F("count") - 1)


def _key(what: str, by: str, request: HttpRequest | None, name: str) -> str:
    """Return the key of a row: of one length for any text, and with no name or address to read."""
    # In one letter case, so that all spellings that find the same user count as one. Upper case
    # first, as PostgreSQL compares: it turns a dotless i into an I.
    spelled = "" if by == ADDRESS else name.strip().upper().lower()
    text = "\0".join([what, by, spelled, "" if by == NAME else _network(request)])
    value = text.encode("utf-8", "backslashreplace")
    return salted_hmac("trellis.web.limits", value, algorithm="sha256").hexdigest()


def _network(request: HttpRequest | None) -> str:
    """Return the address of a request; of IPv6 the first 64 bits, which are one household's."""
    text = (client_address(request) if request else None) or ""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:  # a socket of this machine
        return text
    if isinstance(address, ipaddress.IPv4Address):
        return text
    return str(address.ipv4_mapped or ipaddress.ip_network((int(address), 64), strict=False))
