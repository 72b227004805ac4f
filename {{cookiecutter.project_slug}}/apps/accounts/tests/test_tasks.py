from uuid import uuid4

import pytest
from django.core import mail
from trellis import testing

from apps.accounts import tasks
from apps.accounts.tests.factories import UserFactory


@pytest.mark.django_db(transaction=True)
class TestDeliveredTwice:
    def test_send_sign_up_link(self) -> None:
        testing.assert_harmless_twice(
            tasks.send_sign_up_link,
            email="new@example.com",
            site="https://a.example",
            mail_id=uuid4(),
            effects=lambda: len(mail.outbox),
            once=1,
        )

    def test_send_password_reset_link(self) -> None:
        testing.assert_harmless_twice(
            tasks.send_password_reset_link,
            email=UserFactory().email,
            site="https://a.example",
            mail_id=uuid4(),
            effects=lambda: len(mail.outbox),
            once=1,
        )
