"""Reads about people."""

from apps.accounts import types
from apps.accounts.models import User
from trellis import reads


@reads.selector(queries=1)
def contact_of(*, user_id: int) -> types.Contact:
    """Return how to reach a user. Raises `User.DoesNotExist`."""
    user = User.objects.only("id", "name", "email").get(pk=user_id)
    return types.Contact(user_id=user.pk, name=user.name, email=user.email)
