import pytest
from django.core import signing
from trellis import testing

from apps.accounts import selectors
from apps.accounts.tests.factories import UserFactory

pytestmark = pytest.mark.django_db


class TestContactOf:
    def test_takes_one_query(self) -> None:
        user = UserFactory()

        testing.assert_constant_queries(
            selectors.contact_of,
            grow=UserFactory.create_batch,
            consume=lambda contact: contact.email,
            user_id=user.pk,
        )


class TestEmailOfSignUpLink:
    def test_takes_one_query(self) -> None:
        testing.assert_constant_queries(
            selectors.email_of_sign_up_link,
            grow=UserFactory.create_batch,
            token=signing.dumps("new@example.com", salt=selectors.SIGN_UP_LINK),
        )
