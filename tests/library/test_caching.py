import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import caches
from django.db import InterfaceError, OperationalError, connections, transaction
from redis.exceptions import ConnectionError as RedisAway

from trellis.caching import CachedRead, cached_read, outage, reads
from trellis.caching.keys import Keys
from trellis.caching.cached_read import Entry


@pytest.fixture
def declare(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Declare a cache for one test and forget the declaration afterwards."""
    name = f"tests.{request.node.name}"
    words: dict[str, Any] = {
        "name": name,
        "version": 1,
        "ttl": 60,
        "bottleneck": "a test",
        "invalidated_by": (),
    }

    def make(load: Any, **others: Any) -> CachedRead[Any, Any]:
        return cached_read(**(words | others))(load)

    yield make
    reads.declared.pop(name, None)
    outage.state.end()


class Load:
    """A load that keeps count. Returns what it was asked for, or `answer`."""

    def __init__(self, *answer: object) -> None:
        self.answer = answer
        self.calls: list[int] = []

    def __call__(self, *, pk: int) -> object:
        self.calls.append(pk)
        return self.answer[0] if self.answer else pk


def is_away(*_: object, **__: object) -> None:
    raise RedisAway("no cache today")


def in_background(work: Callable[[], object]) -> threading.Thread:
    """Do something in another thread, with a database connection of its own."""

    def run() -> None:
        work()
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def in_threads(number: int, work: Callable[[], object]) -> None:
    """Do the same thing in many threads at once, and wait for all of them."""
    together = threading.Barrier(number)
    for thread in [in_background(lambda: (together.wait(), work())) for _ in range(number)]:
        thread.join()


def noting(write: Callable[..., object], kept: dict[str, int]) -> Callable[..., object]:
    """Return `write`, which also notes for how long it keeps which key."""

    def noted(key: str, *value: object, timeout: int) -> object:
        kept[key] = timeout
        return write(key, *value, timeout=timeout)

    return noted


class TestDeclaration:
    def test_refuses_a_parameter_that_may_be_left_out(self, declare: Any) -> None:
        def load(*, pk: int = 1) -> int:
            return pk

        with pytest.raises(TypeError, match="keyword-only, without a default"):
            declare(load)

    def test_refuses_a_parameter_of_which_no_key_can_be_made(self, declare: Any) -> None:
        def load(*, pk: datetime) -> datetime:
            return pk

        with pytest.raises(TypeError, match="Annotate it as one of: bool, date, int, str, UUID"):
            declare(load)

    def test_refuses_a_cache_without_a_reason(self, declare: Any) -> None:
        with pytest.raises(TypeError, match="has no bottleneck"):
            declare(Load(), bottleneck=" ")

    @pytest.mark.parametrize("ttls", [{"ttl": 0}, {"negative_ttl": 0}])
    def test_refuses_to_keep_nothing(self, declare: Any, ttls: dict[str, int]) -> None:
        with pytest.raises(TypeError, match="keeps nothing"):
            declare(Load(), **ttls)

    def test_refuses_a_name_twice(self, declare: Any) -> None:
        declare(Load())

        with pytest.raises(TypeError, match="declared twice"):
            declare(Load())


class TestKeys:
    def test_differ_by_field_and_by_version(self, declare: Any) -> None:
        def load(*, first: str, second: str) -> None: ...

        first = declare(load)
        reads.declared.clear()
        second = declare(load, version=2)
        pairs = [("a", "b"), ("b", "a"), ("a:b", ""), ("", "a:b"), ("', '", "")]
        made = {
            each.keys.make({"first": a, "second": b}) for each in (first, second) for a, b in pairs
        }

        assert len(made) == 2 * len(pairs)

    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            ({"pk": "1"}, "takes pk as int, not as str"),
            ({"pk": True}, "takes pk as int, not as bool"),
            ({}, "takes pk by keyword, not nothing"),
            ({"pk": 1, "tenant": 2}, "takes pk by keyword, not pk, tenant"),
        ],
    )
    def test_are_of_the_declared_types_alone(
        self, declare: Any, arguments: dict[str, Any], why: str
    ) -> None:
        read = declare(Load())

        for use in (read, read.invalidate):
            with pytest.raises(TypeError, match=why):
                use(**arguments)

    def test_take_no_time_for_a_day(self, declare: Any) -> None:
        def load(*, day: date) -> date:
            return day

        with pytest.raises(TypeError, match="takes day as date, not as datetime"):
            declare(load)(day=datetime(2030, 1, 1))  # noqa: DTZ001


# A cache is passed by inside a transaction, so these tests commit for real.
@pytest.mark.django_db(transaction=True)
class TestReading:
    def test_loads_once(self, declare: Any) -> None:
        load = Load()
        read = declare(load)

        assert [read(pk=3), read(pk=3), read(pk=4)] == [3, 3, 4]
        assert load.calls == [3, 4]

    def test_remembers_that_there_is_nothing(self, declare: Any) -> None:
        load = Load(None)
        read = declare(load, negative_ttl=5)

        assert [read(pk=3), read(pk=3)] == [None, None]
        assert load.calls == [3]

    def test_remembers_it_for_a_time_of_its_own(
        self, declare: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kept: dict[str, int] = {}
        cache = caches["default"]
        monkeypatch.setattr(cache, "set", noting(cache.set, kept))
        read = declare(Load(None), negative_ttl=5)

        read(pk=3)

        assert kept == {read.keys.make({"pk": 3}).value: 5}

    def test_looks_again_once_it_may_load(
        self, declare: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        load = Load()
        read = declare(load)
        claim = CachedRead._claim

        def too_late(self: CachedRead[..., Any], *arguments: Any) -> Any:
            monkeypatch.setattr(CachedRead, "_claim", claim)
            in_threads(1, lambda: read(pk=1))  # somebody else loads in this very moment
            return claim(self, *arguments)

        monkeypatch.setattr(CachedRead, "_claim", too_late)

        assert read(pk=1) == 1
        assert load.calls == [1]

    def test_loads_once_for_many_readers_of_a_cold_key(self, declare: Any) -> None:
        loaded: list[int] = []

        def load(*, pk: int) -> int:
            loaded.append(pk)
            time.sleep(0.3)
            return pk

        read = declare(load)
        seen: list[int] = []

        in_threads(12, lambda: seen.append(read(pk=3)))

        assert seen == [3] * 12
        assert loaded == [3]

    def test_lets_one_reader_refresh_while_the_others_are_served(
        self, declare: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        loading, served = threading.Event(), threading.Event()
        answers = iter(["first", "second"])

        def load(*, pk: int) -> str:
            if (answer := next(answers)) == "second":
                loading.set()
                served.wait(5)
            return answer

        read = declare(load)
        read(pk=1)
        monkeypatch.setattr(CachedRead, "_is_due", lambda *_: True)
        refresher = in_background(lambda: read(pk=1))
        loading.wait(5)

        assert read(pk=1) == "first"
        served.set()
        refresher.join()
        monkeypatch.undo()
        assert read(pk=1) == "second"

    def test_raises_what_the_load_raises_and_keeps_nobody_waiting(
        self, declare: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answers = iter([OSError("the load's own trouble"), "well"])

        def load(*, pk: int) -> str:
            if isinstance(answer := next(answers), OSError):
                raise answer
            return str(answer)

        read = declare(load)
        monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("it waits for a lock"))

        with pytest.raises(OSError, match="the load's own trouble"):
            read(pk=1)
        assert read(pk=1) == "well"

    def test_releases_no_lock_but_its_own(self, declare: Any) -> None:
        cache = caches["default"]

        def lock_of(keys: Keys) -> str:
            return f"{keys.value}:lock:{cache.get(keys.generation)}"

        def load(*, pk: int) -> int:  # so slow that its lock ended and somebody else took it
            assert cache.get(lock_of(read.keys.make({"pk": pk})))
            cache.set(lock_of(read.keys.make({"pk": pk})), "another's", timeout=60)
            return pk

        read = declare(load)
        read(pk=1)

        assert cache.get(lock_of(read.keys.make({"pk": 1}))) == "another's"

    @pytest.mark.parametrize(("chance", "due"), [(0.0, False), (0.999_999, True)])
    def test_refreshes_early_by_chance_where_loading_is_slow(
        self, declare: Any, monkeypatch: pytest.MonkeyPatch, chance: float, due: bool
    ) -> None:
        monkeypatch.setattr(random, "random", lambda: chance)
        read = declare(Load())
        now = time.time()

        assert read._is_due(Entry(1, "slow", load_seconds=10, fresh_until=now + 60)) is due
        assert not read._is_due(Entry(1, "fast", load_seconds=0.01, fresh_until=now + 60))
        assert read._is_due(Entry(1, "over", load_seconds=0.01, fresh_until=now))

    def test_waits_no_longer_than_the_lock_lasts(
        self, declare: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        load = Load()
        read = declare(load)
        monkeypatch.setattr(caches["default"], "add", lambda key, *_, **__: ":lock:" not in key)
        monkeypatch.setattr(reads, "LOCK_SECONDS", 0.1)
        monkeypatch.setattr(CachedRead, "_begin_generation", lambda *_: 1)

        assert read(pk=1) == 1
        assert load.calls == [1]


# The cache may lose anything at any time.
@pytest.mark.django_db(transaction=True)
class TestLosing:
    @pytest.mark.parametrize("lost", ["generation", "value"])
    def test_either_half_means_loading_again(self, declare: Any, lost: str) -> None:
        load = Load()
        read = declare(load)
        read(pk=1)
        caches["default"].delete(getattr(read.keys.make({"pk": 1}), lost))

        assert [read(pk=1), read(pk=1)] == [1, 1]
        assert load.calls == [1, 1]

    def test_everything_means_loading_again(self, declare: Any) -> None:
        load = Load()
        read = declare(load)
        read(pk=1)
        caches["default"].clear()

        assert [read(pk=1), read(pk=1)] == [1, 1]
        assert load.calls == [1, 1]

    def test_what_was_just_written_stores_nothing(
        self, declare: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A full cache may drop a generation at once; without one, nothing may be stored."""
        load = Load()
        read = declare(load)
        cache = caches["default"]
        add = cache.add
        monkeypatch.setattr(
            cache, "add", lambda key, *rest, **others: ":lock:" in key and add(key, *rest, **others)
        )

        assert [read(pk=1), read(pk=1)] == [1, 1]
        assert caches["default"].get(read.keys.make({"pk": 1}).value) is None

    def test_a_generation_comes_after_losing_what_is_stored_under_it(
        self, declare: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kept: dict[str, int] = {}
        cache = caches["default"]
        read = declare(Load(), ttl=60)
        for name in ("touch", "set"):
            monkeypatch.setattr(cache, name, noting(getattr(cache, name), kept))

        read(pk=1)

        keys = read.keys.make({"pk": 1})
        assert kept == {keys.generation: 120, keys.value: 60}

    def test_what_another_version_stored_means_loading_again(self, declare: Any) -> None:
        load = Load()
        read = declare(load)
        read(pk=1)
        caches["default"].set(read.keys.make({"pk": 1}).value, ("of", "another", "shape"))

        assert [read(pk=1) for _ in range(3)] == [1] * 3
        assert load.calls == [1, 1, 1]

    def test_the_class_of_a_value_means_loading_again(
        self, declare: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        load = Load(Gone(1))
        read = declare(load)
        read(pk=1)
        monkeypatch.delitem(globals(), "Gone")  # a deployment renamed it
        load.answer = ("new",)

        assert [read(pk=1) for _ in range(3)] == ["new"] * 3
        assert load.calls == [1, 1, 1]  # once to find out, once to store what is there now


@dataclass
class Gone:
    """A value's class that a later version of the code does not have."""

    held: object


@pytest.mark.django_db(transaction=True)
class TestOutage:
    @pytest.mark.parametrize(
        "error", [ConnectionError, InterfaceError, OperationalError, RedisAway]
    )
    def test_is_read_past_and_not_met_again_at_once(
        self, declare: Any, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
    ) -> None:
        asked = []

        def ask(*_: object) -> None:
            asked.append(1)
            raise error("no cache today")

        read = declare(Load())
        monkeypatch.setattr(type(caches["default"]), "get_many", ask)

        assert [read(pk=1), read(pk=1)] == [1, 1]
        assert len(asked) == 1

    def test_is_logged_once_a_minute(
        self, declare: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        read = declare(Load())
        monkeypatch.setattr(outage, "PASSED_BY", 0)
        monkeypatch.setattr(type(caches["default"]), "get_many", is_away)

        assert [read(pk=1), read(pk=1)] == [1, 1]
        assert [r.message for r in caplog.records if "out of reach" in r.message] == [
            "The cache is out of reach, reading past it: no cache today"
        ]

    @pytest.mark.parametrize("fails", ["add", "touch", "set", "get", "delete"])
    def test_in_the_middle_of_a_read_costs_no_second_load(
        self, declare: Any, monkeypatch: pytest.MonkeyPatch, fails: str
    ) -> None:
        load = Load()
        read = declare(load)
        monkeypatch.setattr(type(caches["default"]), fails, is_away)

        assert read(pk=1) == 1
        assert load.calls == [1]

    def test_while_forgetting_leaves_the_write_standing_and_hurts_for_a_ttl_at_most(
        self, declare: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        truth = {"value": "old"}
        later: list[str] = []
        read = declare(saying(truth), ttl=1)
        read(pk=1)

        with monkeypatch.context() as patch:
            patch.setattr(type(caches["default"]), "delete_many", is_away)
            with transaction.atomic():
                truth["value"] = "new"
                read.invalidate(pk=1)
                transaction.on_commit(lambda: later.append("ran"))
        outage.state.end()

        assert later == ["ran"]
        assert "could not be told to forget {'pk': 1}" in caplog.text
        while read(pk=1) == "old":
            time.sleep(0.05)
        assert read(pk=1) == "new"


@pytest.mark.django_db(transaction=True)
class TestInvalidating:
    def test_takes_effect_when_the_transaction_commits(self, declare: Any) -> None:
        truth = {"value": "old"}
        read = declare(saying(truth))
        read(pk=1)

        with transaction.atomic():
            truth["value"] = "new"
            with transaction.atomic():
                read.invalidate(pk=1)
            assert elsewhere(read) == "old"

        assert read(pk=1) == "new"

    def test_touches_the_cache_after_the_commit_alone(
        self, declare: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        open_then: list[bool] = []
        read = declare(Load())
        monkeypatch.setattr(
            type(caches["default"]),
            "delete_many",
            lambda *_: open_then.append(transaction.get_connection().in_atomic_block),
        )

        with transaction.atomic():
            read.invalidate(pk=1)

        assert open_then == [False]

    def test_takes_effect_at_once_outside_of_a_transaction(self, declare: Any) -> None:
        truth = {"value": "old"}
        read = declare(saying(truth))
        read(pk=1)
        truth["value"] = "new"

        read.invalidate(pk=1)

        assert read(pk=1) == "new"

    @pytest.mark.parametrize("rolled_back", ["transaction", "savepoint"])
    def test_is_forgotten_when_it_rolls_back(self, declare: Any, rolled_back: str) -> None:
        load = Load()
        read = declare(load)
        read(pk=1)

        with transaction.atomic():
            if rolled_back == "savepoint":
                with transaction.atomic():
                    read.invalidate(pk=1)
                    transaction.set_rollback(True)
            else:
                read.invalidate(pk=1)
                transaction.set_rollback(True)

        read(pk=1)
        assert load.calls == [1]

    def test_beats_a_reader_that_loaded_before_the_commit(self, declare: Any) -> None:
        truth = {"value": "old"}
        loaded, committed = threading.Event(), threading.Event()

        def load(*, pk: int) -> str:
            value = truth["value"]
            loaded.set()
            committed.wait(5)
            return value

        read = declare(load)
        reader = in_background(lambda: read(pk=1))
        loaded.wait(5)
        with transaction.atomic():
            truth["value"] = "new"
            read.invalidate(pk=1)
        committed.set()
        reader.join()

        assert read(pk=1) == "new"
        assert read.use.now.stale_avoided == 1  # what the late reader stored

    def test_one_value_leaves_the_others(self, declare: Any) -> None:
        load = Load()
        read = declare(load)
        for pk in (1, 2):
            read(pk=pk)

        read.invalidate(pk=1)

        assert [read(pk=1), read(pk=2)] == [1, 2]
        assert load.calls == [1, 2, 1]


@pytest.mark.django_db
class TestInsideATransaction:
    def test_the_cache_is_neither_read_nor_filled(self, declare: Any) -> None:
        load = Load()
        read = declare(load)

        with transaction.atomic():
            read(pk=1)
            read(pk=1)

        assert load.calls == [1, 1]

    @pytest.mark.parametrize(
        "wrapped", [lambda row: row, lambda row: [row], lambda row: {"a": row}]
    )
    def test_model_rows_are_refused_all_the_same(
        self, declare: Any, wrapped: Callable[[object], object]
    ) -> None:
        read = declare(Load(wrapped(get_user_model()())))

        with pytest.raises(TypeError, match=r"model rows .*Return plain dataclasses"):
            read(pk=1)

    def test_so_are_values_that_cannot_be_stored(self, declare: Any) -> None:
        read = declare(Load(number for number in range(3)))

        with pytest.raises(TypeError, match=r"cannot hold this: .*generator"):
            read(pk=1)


def saying(truth: dict[str, str]) -> Callable[..., str]:
    """Return a load that says what is true when it is asked."""

    def load(*, pk: int) -> str:
        return truth["value"]

    return load


def elsewhere(read: CachedRead[Any, Any]) -> object:
    """Return what another thread, outside of this one's transaction, reads."""
    seen: list[object] = []
    in_threads(1, lambda: seen.append(read(pk=1)))
    return seen[0]
