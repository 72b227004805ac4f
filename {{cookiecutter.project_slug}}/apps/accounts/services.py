"""Writes about people."""

from django.db import transaction
from trellis import errors

from apps.accounts.models import User


class EmailTaken(errors.Conflict):
    """There is an account with this email address already."""


@transaction.atomic
def register_user(*, email: str, name: str, password: str, is_superuser: bool = False) -> int:
    """Create an account and return its id. Raises `EmailTaken`."""
    if User.objects.filter(email__iexact=email).exists():
        raise EmailTaken
    user = User(email=email, name=name, is_staff=is_superuser, is_superuser=is_superuser)
    user.set_password(password)
    user.full_clean()
    user.save()
    return user.pk
