"""Reads about people."""

from django.conf import settings
from django.core import signing
from trellis import errors, reads

from apps.accounts import types
from apps.accounts.models import User

SIGN_UP_LINK = "accounts.sign_up"  # the salt of these links


class LinkExpired(errors.NotFound):
    """This link was used already, or it is too old. Please ask for a new one."""


@reads.selector(queries=1)
def contact_of(*, user_id: int) -> types.Contact:
    """Return how to reach a user. Raises `User.DoesNotExist`."""
    user = User.objects.only("id", "name", "email").get(pk=user_id)
    return types.Contact(user_id=user.pk, name=user.name, email=user.email)


@reads.selector(queries=1)
def email_of_sign_up_link(*, token: str) -> str:
    """Return the address that a link to sign up was mailed to.

    Raises `LinkExpired` after an hour, and once there is an account: so a link works once.
    """
    try:
        max_age = settings.PASSWORD_RESET_TIMEOUT
        email: str = signing.loads(token, salt=SIGN_UP_LINK, max_age=max_age)
    except signing.BadSignature:
        raise LinkExpired from None
    if User.objects.with_email(email).exists():
        raise LinkExpired
    return email
