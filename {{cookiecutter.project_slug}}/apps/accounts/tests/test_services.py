import pytest
from django.core import signing
from django.core.exceptions import ValidationError
from trellis import testing

from apps.accounts import selectors, services
from apps.accounts.models import User

pytestmark = pytest.mark.django_db


class TestRegisterUser:
    def test_lets_the_person_sign_in(self) -> None:
        user_id = services.register_user(email="a@example.com", name="Ada", password="pw")

        assert User.objects.get(pk=user_id).check_password("pw")

    def test_refuses_an_email_that_is_taken_in_another_case(self) -> None:
        services.register_user(email="a@example.com", name="Ada", password="pw")

        with pytest.raises(services.EmailTaken):
            services.register_user(email="A@EXAMPLE.com", name="Eve", password="pw")

    def test_refuses_an_invalid_email(self) -> None:
        with pytest.raises(ValidationError):
            services.register_user(email="nonsense", name="Ada", password="pw")


@pytest.mark.django_db(transaction=True)
class TestSignUp:
    def test_takes_a_link_once_at_the_same_time_too(self) -> None:
        token = signing.dumps("a@example.com", salt=selectors.SIGN_UP_LINK)
        (error,) = testing.run_concurrently(
            *[lambda: services.sign_up(token=token, name="Ada", password="pw")] * 2
        )

        assert isinstance(error, selectors.LinkExpired)
        assert User.objects.count() == 1
