from collections.abc import Callable

import pytest

from apps.accounts import selectors
from apps.accounts.models import User
from trellis import testing


@pytest.mark.django_db
class TestContactOf:
    def test_takes_one_query(self) -> None:
        testing.assert_constant_queries(selectors.contact_of, grow=add_users(), user_id=1)


def add_users() -> Callable[[int], None]:
    def add(number: int) -> None:
        first = User.objects.count()
        User.objects.bulk_create(
            User(id=first + n + 1, email=f"{first + n}@example.com") for n in range(number)
        )

    return add
