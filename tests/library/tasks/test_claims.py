import pickle
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import current_app, shared_task
from django.db import DatabaseError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from trellis import testing
from trellis.models import Claim
from trellis.tasks import InProgress, claims, once

NOW = datetime(2030, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def enter(name: str, *key: object, at: datetime) -> None:
    with once(name, *key, at=at):
        pass


@pytest.mark.django_db
class TestOnce:
    def test_is_new_the_first_time_only(self) -> None:
        seen = []

        for at in (NOW, LATER):
            with once("tests.mail", 7, at=at) as claim:
                seen.append(claim.is_new)

        assert seen == [True, False]
        assert Claim.objects.get().done_at == NOW

    def test_tells_names_and_keys_apart(self) -> None:
        for name, key in (("a", [1, 2]), ("a", [12]), ("a", ["1, 2"]), ("a", []), ("b", [12])):
            with once(name, *key, at=NOW) as claim:
                assert claim.is_new

        with once("a", "12", at=NOW) as claim:
            assert not claim.is_new  # an id is the same as a number and as text

    def test_refuses_while_somebody_else_holds_the_claim(self) -> None:
        with once("tests.mail", 7, at=NOW), pytest.raises(InProgress) as refused:
            enter("tests.mail", 7, at=NOW + timedelta(seconds=609))

        assert refused.value.until == NOW + timedelta(seconds=610)  # the default limit is 600 s

    def test_releases_the_claim_after_an_error_and_raises_it(self) -> None:
        with pytest.raises(ZeroDivisionError), once("tests.mail", 7, at=NOW):
            raise ZeroDivisionError

        with once("tests.mail", 7, at=NOW) as claim:
            assert claim.is_new

    def test_takes_over_from_a_holder_that_died(self) -> None:
        claims.take(name="tests.mail", key='["7"]', at=NOW)

        with once("tests.mail", 7, at=NOW + timedelta(seconds=610)) as claim:
            assert claim.is_new

    def test_does_not_mark_or_release_a_claim_that_somebody_else_has_taken_over(self) -> None:
        for error in (None, ZeroDivisionError()):
            slow = once("tests.mail", repr(error), at=NOW)
            slow.__enter__()

            with once("tests.mail", repr(error), at=LATER):
                slow.__exit__(type(error) if error else None, error, None)
                with pytest.raises(InProgress):
                    enter("tests.mail", repr(error), at=LATER)

            assert set(Claim.objects.values_list("done_at", flat=True)) == {LATER}

    def test_raises_the_error_of_the_work_when_the_claim_cannot_be_released(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise DatabaseError("no database")

        def fail() -> None:
            with once("tests.mail", 7, at=NOW):
                monkeypatch.setattr(QuerySet, "update", refuse)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()

    def test_refuses_a_key_that_is_longer_than_its_column(self) -> None:
        with pytest.raises(ValueError, match="at most 255 characters"):
            enter("tests.mail", "x" * 255, at=NOW)

    def test_works_inside_the_transaction_of_a_test_but_not_of_a_service(self) -> None:
        with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
            enter("tests.mail", 7, at=NOW)


@pytest.mark.django_db(transaction=True)
class TestTakeAtTheSameTime:
    @pytest.mark.parametrize("holder_died", [False, True])
    def test_gives_the_claim_to_one_of_many(self, holder_died: bool) -> None:
        if holder_died:
            Claim.objects.create(name="tests.mail", key='["7"]', holder="dead", expires_at=NOW)
        taken: list[bool] = []

        def take() -> None:
            taken.append(claims.take(name="tests.mail", key='["7"]', at=NOW)[1])

        assert testing.run_concurrently(*[take] * 6) == []

        assert sorted(taken) == [False] * 5 + [True]


class TestInProgress:
    def test_keeps_its_end_when_celery_passes_it_to_another_process(self) -> None:
        assert pickle.loads(pickle.dumps(InProgress(NOW))).until == NOW  # noqa: S301


@pytest.fixture
def mails() -> list[int]:
    """The ids of the bookings that were mailed."""
    return []


@pytest.fixture
def send_mail(mails: list[int]) -> Iterator[Any]:
    """A task that mails each booking once."""

    @shared_task(name="tests.send_mail", max_retries=0, time_limit=60)
    def send_mail(*, booking_id: int) -> None:
        with once("tests.mail", booking_id, at=timezone.now()) as claim:
            if claim.is_new:
                mails.append(booking_id)

    yield current_app.tasks["tests.send_mail"]
    del current_app.tasks["tests.send_mail"]


class TestOnceInATask:
    @pytest.mark.django_db(transaction=True)
    def test_is_harmless_when_it_is_delivered_twice(self, send_mail: Any, mails: list[int]) -> None:
        testing.assert_harmless_twice(send_mail, effects=lambda: mails, once=[7], booking_id=7)

    @pytest.mark.django_db
    def test_is_held_for_the_time_limit_of_the_task(self, send_mail: Any) -> None:
        until: list[datetime] = []
        send_mail.run = lambda: until.append(claims.take(name="a", key="b", at=NOW)[0].expires_at)

        send_mail.apply()
        Claim.objects.all().delete()
        send_mail.push_request(timelimit=(20, 10))  # what was said when it was published
        send_mail()
        send_mail.pop_request()

        assert [limit - NOW for limit in until] == [timedelta(seconds=70), timedelta(seconds=30)]
