import pytest
from axes.helpers import get_client_ip_address
from django.test import Client, RequestFactory
from pytest_django import Settings

from trellis import errors
from trellis import web


class TestStatusOf:
    def test_is_that_of_the_nearest_kind_of_error(self) -> None:
        class SoldOut(errors.Conflict):
            """Nothing is left."""

        assert web.status_of(SoldOut()) == 409
        assert web.status_of(errors.BusinessError("no")) == 400


class TestBusinessError:
    def test_speaks_its_docstring_unless_given_words(self) -> None:
        assert str(errors.NotFound()) == "There is no such thing."
        assert str(errors.NotFound("No such hat.")) == "No such hat."


class TestSignInName:
    @pytest.mark.parametrize("given", ["info@a.b", " INFO@a.b", "\u0131nfo@A.b"])  # a dotless i
    def test_is_one_for_all_spellings_that_find_the_same_person(self, given: str) -> None:
        request = RequestFactory().post("/", {"username": given})

        assert web.sign_in_name(request) == "info@a.b"


class TestIn:
    @pytest.mark.parametrize("title", ["a\0b", "a\ud800b"])
    def test_refuses_text_that_no_database_could_keep(self, title: str) -> None:
        class Wanted(web.In):
            title: str

        with pytest.raises(ValueError, match="cannot be kept"):
            Wanted(title=title)
        assert Wanted(title="a 🌱").title == "a 🌱"


class TestClientAddress:
    """As the limit on password guessing sees it: who could choose it could guess for ever."""

    @pytest.mark.parametrize(
        ("proxies", "forwarded", "address"),
        [
            (0, "8.8.4.4", "10.0.0.1"),
            (0, "8.8.4.4, 9.9.9.9", "10.0.0.1"),
            (1, "9.9.9.9", "9.9.9.9"),
            (1, "8.8.4.4, 9.9.9.9", "9.9.9.9"),
            (2, "8.8.4.4, 9.9.9.9, 10.0.0.2", "9.9.9.9"),
            (2, "9.9.9.9", "10.0.0.1"),
            (1, "", "10.0.0.1"),
        ],
    )
    def test_is_what_the_outermost_of_our_proxies_saw(
        self, settings: Settings, proxies: int, forwarded: str, address: str
    ) -> None:
        settings.PROXY_COUNT = proxies
        request = RequestFactory().get(
            "/", headers={"x-forwarded-for": forwarded}, REMOTE_ADDR="10.0.0.1"
        )

        assert get_client_ip_address(request) == address


class TestRequestId:
    @pytest.mark.django_db
    def test_is_told_with_each_page(self, client: Client) -> None:
        first, second = (client.get("/")["X-Request-ID"] for _ in range(2))

        assert first
        assert first != second
