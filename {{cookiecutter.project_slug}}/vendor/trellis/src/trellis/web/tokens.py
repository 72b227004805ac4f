"""Bearer tokens: a program signs in to the API as its user.

A token is 256 random bits. Nobody can guess one, so attempts are not limited, and its plain SHA-256
is stored: to find a token for a hash takes as many attempts. A row is found by the hash, so the
time that takes says nothing about the token.
"""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from ninja.errors import AuthenticationError
from ninja.security.base import AuthBase
from structlog.contextvars import bind_contextvars

from trellis import errors
from trellis.models import ApiToken

DAYS, MOST_DAYS = 90, 366
NOTE_USE_EVERY = timedelta(hours=1)  # so that most requests write nothing


def create(*, user: Any, name: str, at: datetime, days: int = DAYS) -> tuple[ApiToken, str]:
    """Create a token for a program; return its row, and the token, which nothing can show again.

    Raises `Invalid` unless it lasts 1 to 366 `days`, and `ValidationError`.
    """
    if not 1 <= days <= MOST_DAYS:
        raise errors.Invalid(f"A token lasts 1 to {MOST_DAYS} days.", field="days")
    token = f"api_{secrets.token_urlsafe(32)}"
    row = ApiToken(user=user, name=name, hash=_hash_of(token), prefix=token[:8])
    row.created_at, row.expires_at = at, at + timedelta(days=days)
    row.full_clean()
    row.save()
    return row, token


def revoke(*, token_id: int, at: datetime) -> bool:
    """End a token for good. Return whether it was valid until now."""
    valid = ApiToken.objects.filter(pk=token_id, revoked_at=None, expires_at__gt=at)
    return bool(valid.update(revoked_at=at))


def user_of(*, token: str, at: datetime) -> Any:
    """Return the active user that a valid token stands for, else None."""
    valid = ApiToken.objects.filter(revoked_at=None, expires_at__gt=at, user__is_active=True)
    row = valid.select_related("user").filter(hash=_hash_of(token)).first()
    if row is None:
        return None
    if row.last_used_at is None or at - row.last_used_at >= NOTE_USE_EVERY:
        ApiToken.objects.filter(pk=row.pk).update(last_used_at=at)
    bind_contextvars(api_token=row.pk)
    return row.user


class TokenAuth(AuthBase):
    """`Authorization: Bearer <token>`. Needs no CSRF token, since no browser sends it by itself."""

    openapi_type = "http"
    openapi_scheme = "bearer"

    def __call__(self, request: HttpRequest) -> Any:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None  # the session decides
        user = user_of(token=token.strip(), at=timezone.now())
        if user is None:
            raise AuthenticationError
        request.user = user
        return user


def _hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
