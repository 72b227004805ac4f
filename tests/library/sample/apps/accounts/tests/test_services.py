import pytest

from apps.accounts import services


@pytest.mark.django_db
class TestRegisterUser:
    def test_refuses_an_address_that_is_taken(self) -> None:
        services.register_user(email="ada@example.com", name="Ada", password="secret")

        with pytest.raises(services.EmailTaken):
            services.register_user(email="Ada@example.com", name="Ada", password="secret")
