from trellis.testing import ConstantQueries

from apps.accounts import selectors
from apps.accounts.tests.factories import UserFactory


class TestContactOf:
    def test_takes_one_query(self, assert_constant_queries: ConstantQueries) -> None:
        user = UserFactory()

        assert_constant_queries(
            selectors.contact_of,
            grow=UserFactory.create_batch,
            consume=lambda contact: contact.email,
            user_id=user.pk,
        )
