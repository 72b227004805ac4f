"""Limits of sign-ins, sign-ups and password resets, and the backend that counts sign-ins."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model, hashers
from django.contrib.auth.backends import ModelBackend
from django.db import transaction
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django import Settings

from trellis import testing
from trellis.models import Limit
from trellis.tasks import scheduled
from trellis.web import limits
from trellis.web.status import TooManyRequests

pytestmark = pytest.mark.django_db
HOME, ELSEWHERE = "9.9.9.9", "8.8.4.4"
NAME = "ada@example.com"
SIGN_IN = "/admin/login/"


@pytest.fixture(autouse=True)
def site(settings: Settings, tmp_path: Path) -> None:
    settings.AUTHENTICATION_BACKENDS = ["trellis.web.limits.Backend"]
    settings.TEMPLATES = [settings.TEMPLATES[0] | {"DIRS": [tmp_path]}]
    (tmp_path / "refused.html").write_text("{{ error.title }}: {{ error.detail }}")


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that moves the clock on."""
    passed = timedelta()

    def move(**time: float) -> None:
        nonlocal passed
        passed += timedelta(**time)

    def now() -> datetime:
        return datetime.now(tz=timezone.get_default_timezone()) + passed

    monkeypatch.setattr(timezone, "now", now)
    return move


@pytest.fixture
def ada() -> Any:
    return get_user_model().objects.create_superuser(NAME, "right")


def request_from(address: str) -> HttpRequest:
    return RequestFactory().get("/", REMOTE_ADDR=address)


def attempts(
    what: str = limits.SIGN_IN,
    *,
    names: Iterator[str] | None = None,
    addresses: Iterator[str] | None = None,
) -> int:
    """Return how many attempts are possible in a row."""
    for done in range(100):
        name = next(names) if names else NAME
        address = next(addresses) if addresses else HOME
        try:
            limits.count(request_from(address), what, name=name)
        except TooManyRequests:
            return done
    return 100


def is_possible(*, name: str = NAME, address: str = HOME, what: str = limits.SIGN_IN) -> bool:
    try:
        limits.count(request_from(address), what, name=name)
    except TooManyRequests:
        return False
    return True


def many_names() -> Iterator[str]:
    return (f"person{n}@example.com" for n in count())


def many_addresses() -> Iterator[str]:
    return (f"10.0.{n // 250}.{n % 250}" for n in count())


class TestCount:
    def test_stops_guessing_one_account_from_one_address_soon(self) -> None:
        assert attempts() == 5

    def test_stops_guessing_one_account_from_many_addresses_later(self) -> None:
        assert attempts(addresses=many_addresses()) == 30

    def test_stops_one_address_that_tries_many_names(self) -> None:
        assert attempts(names=many_names()) == 50

    @pytest.mark.parametrize("what", [limits.SIGN_UP, limits.PASSWORD_RESET])
    def test_bounds_the_mails_to_one_person_and_from_one_address(self, what: str) -> None:
        assert attempts(what, addresses=many_addresses()) == 5
        assert attempts(what, names=many_names()) == 20

    def test_counts_each_kind_by_itself(self) -> None:
        attempts(limits.SIGN_IN)

        assert is_possible(what=limits.PASSWORD_RESET)

    @pytest.mark.parametrize("spelling", ["ADA@EXAMPLE.COM", " ada@Example.com "])
    def test_takes_all_spellings_of_a_name_for_one(self, spelling: str) -> None:
        attempts()

        assert not is_possible(name=spelling)

    def test_takes_a_dotless_i_for_an_i_as_postgresql_does(self) -> None:
        attempts(names=iter(["info@a.b"] * 9))

        assert not is_possible(name="\u0131nfo@a.b")

    def test_takes_what_comes_from_one_household_for_one_address(self) -> None:
        attempts(addresses=(f"2001:db8::{n:x}" for n in count(1)))

        assert not is_possible(address="2001:db8::ffff:1")
        assert is_possible(address="2001:db8:0:1::1")

    def test_takes_an_ipv4_address_in_ipv6_for_itself(self) -> None:
        attempts()

        assert not is_possible(address=f"::ffff:{HOME}")

    @pytest.mark.parametrize("name", ["x" * 100_000, "a\0b", "\ud800", "", "ﬃ@a.b"])
    @pytest.mark.parametrize("address", [HOME, "", "unknown", "fe80::1%eth0", "a\0b"])
    def test_takes_any_text(self, name: str, address: str) -> None:
        assert attempts(names=iter([name] * 9), addresses=iter([address] * 9)) == 5

    def test_ends_with_its_window(self, later: Callable[..., None]) -> None:
        attempts()

        later(minutes=14)
        assert not is_possible()
        later(minutes=2)
        assert attempts() == 5

    def test_does_not_count_what_it_refuses(self) -> None:
        for _ in range(60):
            attempts()

        assert attempts(names=many_names()) == 45  # the other 5 of 50 were not refused

    def test_counts_where_a_row_is_deleted_at_the_same_moment(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        create, deleted = Limit.objects.bulk_create, iter([True])

        def create_and_lose(*args: Any, **kwargs: Any) -> list[Limit]:
            return [] if next(deleted, False) else create(*args, **kwargs)

        monkeypatch.setattr(Limit.objects, "bulk_create", create_and_lose)

        assert attempts() == 5

    def test_says_when_it_ends(self, later: Callable[..., None]) -> None:
        attempts()
        later(minutes=5)

        with pytest.raises(TooManyRequests, match="try again in 10 minutes") as refused:
            limits.count(request_from(HOME), limits.SIGN_IN, name=NAME)

        assert 590 < refused.value.retry_after <= 600

    def test_adds_no_rows_for_an_address_that_is_refused(self) -> None:
        attempts(names=many_names())
        before = Limit.objects.count()

        assert attempts(names=(f"other{name}" for name in many_names())) == 0
        assert Limit.objects.count() == before

    def test_stores_neither_names_nor_addresses(self) -> None:
        attempts()

        stored = str(list(Limit.objects.values_list()))
        assert "ada" not in stored
        assert HOME not in stored


def possible_of_sixteen() -> int:
    """Return how many of 16 attempts at the same time are possible."""
    done: list[bool] = []
    assert testing.run_concurrently(*[lambda: done.append(is_possible())] * 16) == []
    return done.count(True)


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def test_lets_no_attempt_slip_through(self) -> None:
        for _ in range(3):
            Limit.objects.all().delete()

            assert possible_of_sixteen() == 5

    def test_lets_none_slip_through_when_a_window_is_over(self, later: Callable[..., None]) -> None:
        attempts()
        later(minutes=16)

        assert possible_of_sixteen() == 5


class TestStrangers:
    def test_cannot_lock_anybody_out_from_one_address(self, later: Callable[..., None]) -> None:
        for _ in range(150):
            attempts(addresses=iter([ELSEWHERE] * 9))
            with transaction.atomic():
                assert is_possible(address=HOME)
                transaction.set_rollback(True)  # it counts, and would lock us out ourselves
            later(minutes=1)

    def test_cannot_lock_anybody_out_where_they_signed_in_before(self) -> None:
        limits.trust(request_from(HOME), name=NAME)

        attempts(addresses=many_addresses())
        attempts(names=many_names())

        assert is_possible(address=HOME)
        assert not is_possible(address="10.9.9.9")

    def test_lock_a_person_out_elsewhere_for_an_hour_at_most(
        self, later: Callable[..., None]
    ) -> None:
        attempts(addresses=many_addresses())

        assert not is_possible(address=ELSEWHERE)
        later(minutes=60, seconds=1)
        assert is_possible(address=ELSEWHERE)

    def test_may_not_guess_on_where_a_person_is_trusted(self) -> None:
        limits.trust(request_from(HOME), name=NAME)

        assert attempts() == 5


class TestTrust:
    def test_ends_every_lock_at_once(self) -> None:
        attempts()
        attempts(addresses=many_addresses())
        attempts(names=many_names())

        limits.trust(request_from(HOME), name=NAME.upper())

        assert is_possible()

    def test_ends_after_ninety_days(self, later: Callable[..., None]) -> None:
        limits.trust(request_from(HOME), name=NAME)
        later(days=91)
        attempts(addresses=many_addresses())

        assert not is_possible()


class TestBackend:
    def sign_in(self, password: str, **headers: str) -> int:
        answer = Client().post(
            SIGN_IN, {"username": NAME, "password": password}, REMOTE_ADDR=HOME, headers=headers
        )
        return answer.status_code

    def test_refuses_the_right_password_too_and_says_when_it_is_possible_again(
        self, ada: Any, client: Client
    ) -> None:
        assert [self.sign_in("wrong") for _ in range(6)] == [200] * 5 + [429]

        answer = client.post(SIGN_IN, {"username": NAME, "password": "right"}, REMOTE_ADDR=HOME)

        assert answer.status_code == 429
        assert 890 < int(answer["Retry-After"]) <= 900
        assert answer.content.decode() == "Too many attempts: Please try again in 15 minutes."

    def test_does_not_hash_a_password_that_it_refuses(
        self, ada: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(5):
            self.sign_in("wrong")
        monkeypatch.setattr(hashers.MD5PasswordHasher, "encode", None)  # calling it is an error

        assert self.sign_in("wrong") == 429

    def test_counts_no_attempt_for_which_there_was_no_room(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def no_room(*args: object, **kwargs: object) -> None:
            raise TooManyRequests(retry_after=5)

        monkeypatch.setattr(ModelBackend, "authenticate", no_room)
        for _ in range(10):
            with pytest.raises(TooManyRequests):
                limits.Backend().authenticate(request_from(HOME), username=NAME, password="right")

        assert is_possible()

    def test_counts_nobody_of_an_office_who_signs_in(self) -> None:
        names = [f"{number}@example.com" for number in range(60)]  # 50 may fail from an address
        for name in names:
            get_user_model().objects.create_superuser(name, "right")
        request, backend = request_from(HOME), limits.Backend()

        assert all(backend.authenticate(request, username=one, password="right") for one in names)
        assert attempts(names=many_names()) == 50

    def test_trusts_the_address_of_a_sign_in(self, ada: Any) -> None:
        self.sign_in("right")
        attempts(addresses=many_addresses())

        assert self.sign_in("right") == 302

    def test_gives_back_only_the_attempt_that_succeeded(self, ada: Any) -> None:
        attempts(names=many_names())  # 50 from this address

        assert self.sign_in("right") == 429

    @pytest.mark.parametrize("proxies", [0, 1, 2])
    def test_is_not_evaded_by_a_header(self, ada: Any, settings: Settings, proxies: int) -> None:
        settings.PROXY_COUNT = proxies
        seen = ", ".join([HOME, "10.0.0.2"][:proxies])  # what our own proxies add

        answers = [
            self.sign_in("wrong", x_forwarded_for=f"1.2.3.{n}, {seen}".rstrip(", "))
            for n in range(6)
        ]

        assert answers == [200] * 5 + [429]

    def test_locks_nobody_out_once_the_proxies_are_counted(
        self, ada: Any, settings: Settings
    ) -> None:
        settings.PROXY_COUNT = 0  # so all come from the address of our proxy
        attempts(names=many_names())
        assert self.sign_in("right", x_forwarded_for=ELSEWHERE) == 429

        settings.PROXY_COUNT = 1

        assert self.sign_in("right", x_forwarded_for=ELSEWHERE) == 302

    def test_counts_attempts_without_a_request_too(self, ada: Any) -> None:
        backend = limits.Backend()
        for _ in range(5):
            assert backend.authenticate(None, username=NAME, password="wrong") is None

        with pytest.raises(TooManyRequests):
            backend.authenticate(None, email=NAME, password="right")

    def test_counts_asynchronous_attempts_too(self, ada: Any) -> None:
        attempts()

        with pytest.raises(TooManyRequests):
            async_to_sync(limits.Backend().aauthenticate)(
                request_from(HOME), username=NAME, password="right"
            )

    @pytest.mark.parametrize("given", [{"username": None}, {"username": NAME}, {"token": "x"}])
    def test_leaves_what_has_no_name_or_no_password_to_others(self, given: dict[str, Any]) -> None:
        assert limits.Backend().authenticate(None, **given) is None
        assert not Limit.objects.exists()


class TestDeleteOldRows:
    def test_deletes_limits_that_are_over(self, later: Callable[..., None]) -> None:
        attempts()
        limits.trust(request_from(HOME), name="other@example.com")
        later(hours=2)

        scheduled.clean_up()

        assert Limit.objects.count() == 1
