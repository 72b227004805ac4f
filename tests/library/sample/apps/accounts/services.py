"""Writes about people."""

from django.db import transaction

from apps.accounts.models import User
from trellis import errors


class EmailTaken(errors.Conflict):
    """Somebody has signed up with this email address already."""


@transaction.atomic
def register_user(*, email: str, name: str, password: str, is_superuser: bool = False) -> int:
    """Sign a person up and return their id. A superuser may do all. Raises `EmailTaken`."""
    if User.objects.filter(email__iexact=email).exists():
        raise EmailTaken
    user = User(email=email, name=name, is_staff=is_superuser, is_superuser=is_superuser)
    user.set_password(password)
    user.full_clean()
    user.save()
    return user.pk
