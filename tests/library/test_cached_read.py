import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import caches
from django.db import InterfaceError, OperationalError, connections, transaction
from redis.exceptions import ConnectionError as RedisUnreachable

from trellis.caching import entries, figures, outage
from trellis.caching.cached_read import CachedRead, all_caches, cached_read, declared
from trellis.caching.keys import Keys
from trellis.models import CacheUse


@pytest.fixture
def declare(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Declare a cache for one test."""
    name = f"tests.{os.getpid()}.{request.node.name}"  # Redis keeps what another run has cached
    defaults: dict[str, Any] = {
        "name": name,
        "version": 1,
        "ttl": 60,
        "bottleneck": "a test",
        "invalidated_by": (),
    }

    def declare(load: Any, **changed: Any) -> CachedRead[Any, Any]:
        return cached_read(**(defaults | changed))(load)

    yield declare
    declared.pop(name, None)
    outage.state.reset()


class Load:
    """A function to cache. Returns `result`, or its argument, and records its calls."""

    def __init__(self, *result: object) -> None:
        self.result = result
        self.calls: list[int] = []

    def __call__(self, *, pk: int) -> object:
        self.calls.append(pk)
        return self.result[0] if self.result else pk


def fail(*_: object, **__: object) -> None:
    raise RedisUnreachable("no cache today")


def in_background(work: Callable[[], object]) -> threading.Thread:
    """Start a thread with a database connection of its own."""

    def run() -> None:
        work()
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def in_threads(number: int, work: Callable[[], object]) -> None:
    """Do the same in many threads at once, and wait for all of them."""
    together = threading.Barrier(number)
    for thread in [in_background(lambda: (together.wait(), work())) for _ in range(number)]:
        thread.join()


def recording(write: Callable[..., object], timeouts: dict[str, int]) -> Callable[..., object]:
    """Return `write`, which also records the timeout of each key."""

    def recorded(key: str, *value: object, timeout: int) -> object:
        timeouts[key] = timeout
        return write(key, *value, timeout=timeout)

    return recorded


class TestDeclaration:
    def test_refuses_a_parameter_with_a_default(self, declare: Any) -> None:
        def load(*, pk: int = 1) -> int:
            return pk

        with pytest.raises(TypeError, match="keyword-only, without a default"):
            declare(load)

    def test_refuses_a_cache_without_a_bottleneck(self, declare: Any) -> None:
        with pytest.raises(TypeError, match="has no bottleneck"):
            declare(Load(), bottleneck=" ")

    @pytest.mark.parametrize("ttls", [{"ttl": 0}, {"negative_ttl": 0}])
    def test_refuses_a_ttl_of_zero(self, declare: Any, ttls: dict[str, int]) -> None:
        with pytest.raises(TypeError, match="a ttl of at least 1 second"):
            declare(Load(), **ttls)

    def test_refuses_a_name_twice(self, declare: Any) -> None:
        declare(Load())

        with pytest.raises(TypeError, match="There are two caches named"):
            declare(Load())

    def test_is_listed_by_its_name(self, declare: Any) -> None:
        cache = declare(Load(), name="tests.listed")

        assert all_caches().pop("tests.listed") is cache


# Inside a transaction a cache is bypassed, so these tests commit.
@pytest.mark.django_db(transaction=True)
class TestReading:
    def test_loads_once(self, declare: Any) -> None:
        load = Load()
        read = declare(load)

        assert [read(pk=3), read(pk=3), read(pk=4)] == [3, 3, 4]
        assert load.calls == [3, 4]

    def test_keeps_a_result_of_none(self, declare: Any) -> None:
        load = Load(None)
        read = declare(load, negative_ttl=5)

        assert [read(pk=3), read(pk=3)] == [None, None]
        assert load.calls == [3]

    @pytest.mark.parametrize(("result", "ttl"), [(None, 5), ("found", 60)])
    def test_keeps_none_for_the_negative_ttl(
        self, declare: Any, monkeypatch: pytest.MonkeyPatch, result: object, ttl: int
    ) -> None:
        timeouts: dict[str, int] = {}
        cache = caches["default"]
        monkeypatch.setattr(cache, "set", recording(cache.set, timeouts))
        read = declare(Load(result), ttl=60, negative_ttl=5)

        read(pk=3)

        assert timeouts == {read.keys.make({"pk": 3}).value: ttl}

    def test_takes_what_another_reader_stored_just_before_the_lock(
        self, declare: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        load = Load()
        read = declare(load)
        take_lock = entries.take_lock

        def take_too_late(*arguments: Any) -> Any:
            monkeypatch.setattr(entries, "take_lock", take_lock)
            in_threads(1, lambda: read(pk=1))
            return take_lock(*arguments)

        monkeypatch.setattr(entries, "take_lock", take_too_late)

        assert read(pk=1) == 1
        assert load.calls == [1]

    def test_loads_once_for_many_readers_at_once(self, declare: Any) -> None:
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

    def test_raises_the_error_of_the_function_and_releases_the_lock(
        self, declare: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        results = iter([OSError("of the function"), "well"])

        def load(*, pk: int) -> str:
            if isinstance(result := next(results), OSError):
                raise result
            return str(result)

        read = declare(load)
        monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("it waits for a lock"))

        with pytest.raises(OSError, match="of the function"):
            read(pk=1)
        assert read(pk=1) == "well"

    def test_releases_only_its_own_lock(self, declare: Any) -> None:
        cache = caches["default"]

        def lock_of(keys: Keys) -> str:
            return f"{keys.value}:lock:{cache.get(keys.generation)}"

        def load(*, pk: int) -> int:  # so slow that another reader has the lock
            assert cache.get(lock_of(read.keys.make({"pk": pk})))
            cache.set(lock_of(read.keys.make({"pk": pk})), "another reader's", timeout=60)
            return pk

        read = declare(load)
        read(pk=1)

        assert cache.get(lock_of(read.keys.make({"pk": 1}))) == "another reader's"

    def test_waits_for_a_lock_no_longer_than_it_can_last(
        self, declare: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        load = Load()
        read = declare(load)
        monkeypatch.setattr(entries, "LOCK_SECONDS", 0.1)
        monkeypatch.setattr(entries, "take_lock", lambda *_: None)  # another reader has it

        assert read(pk=1) == 1
        assert load.calls == [1]


# A cache may lose any key at any time.
@pytest.mark.django_db(transaction=True)
class TestLostKeys:
    # Both, as when the cache is cleared: a test that did so would clear it for others.
    @pytest.mark.parametrize("lost", [("generation",), ("value",), ("generation", "value")])
    def test_are_loaded_again(self, declare: Any, lost: tuple[str, ...]) -> None:
        load = Load()
        read = declare(load)
        read(pk=1)
        keys = read.keys.make({"pk": 1})
        caches["default"].delete_many(getattr(keys, name) for name in lost)

        assert [read(pk=1), read(pk=1)] == [1, 1]
        assert load.calls == [1, 1]

    def test_store_nothing_when_the_cache_drops_a_generation_at_once(
        self, declare: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        load = Load()
        read = declare(load)
        cache = caches["default"]
        add = cache.add
        monkeypatch.setattr(
            cache, "add", lambda key, *rest, **others: ":lock:" in key and add(key, *rest, **others)
        )

        assert [read(pk=1), read(pk=1)] == [1, 1]
        assert caches["default"].get(read.keys.make({"pk": 1}).value) is None

    def test_end_with_the_value_before_its_generation(
        self, declare: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        timeouts: dict[str, int] = {}
        cache = caches["default"]
        read = declare(Load(), ttl=60)
        for name in ("touch", "set"):
            monkeypatch.setattr(cache, name, recording(getattr(cache, name), timeouts))

        read(pk=1)

        keys = read.keys.make({"pk": 1})
        assert timeouts == {keys.generation: 120, keys.value: 60}


@dataclass
class Removed:
    """A value's class that a later version of the code does not have."""

    value: object


@pytest.mark.django_db(transaction=True)
class TestUnreadableValue:
    def test_of_another_shape_is_loaded_again(self, declare: Any) -> None:
        load = Load()
        read = declare(load)
        read(pk=1)
        caches["default"].set(read.keys.make({"pk": 1}).value, ("of", "another", "shape"))

        assert [read(pk=1) for _ in range(3)] == [1] * 3
        assert load.calls == [1, 1, 1]

    def test_of_a_class_that_was_removed_is_loaded_again(
        self, declare: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        load = Load(Removed(1))
        read = declare(load)
        read(pk=1)
        monkeypatch.delitem(globals(), "Removed")
        load.result = ("new",)

        assert [read(pk=1) for _ in range(3)] == ["new"] * 3
        assert load.calls == [1, 1, 1]  # the second finds it, the third stores the new one


@pytest.mark.django_db(transaction=True)
class TestOutage:
    @pytest.mark.parametrize(
        "error", [ConnectionError, InterfaceError, OperationalError, RedisUnreachable]
    )
    def test_is_bypassed_and_the_cache_is_left_alone_for_a_while(
        self, declare: Any, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
    ) -> None:
        calls = []

        def get_many(*_: object) -> None:
            calls.append(1)
            raise error("no cache today")

        read = declare(Load())
        monkeypatch.setattr(type(caches["default"]), "get_many", get_many)
        monkeypatch.setattr(figures, "WRITE_SECONDS", 0)

        assert [read(pk=1), read(pk=1)] == [1, 1]
        assert len(calls) == 1
        assert not CacheUse.objects.exists()  # such reads are not counted

    def test_is_logged_once_a_minute(
        self, declare: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        read = declare(Load())
        monkeypatch.setattr(outage, "BYPASS_SECONDS", 0)
        monkeypatch.setattr(type(caches["default"]), "get_many", fail)

        assert [read(pk=1), read(pk=1)] == [1, 1]
        assert [r.message for r in caplog.records if "reached" in r.message] == [
            "The cache cannot be reached, reads bypass it: no cache today"
        ]

    @pytest.mark.parametrize("fails", ["add", "touch", "set", "get", "delete"])
    def test_in_the_middle_of_a_read_causes_no_second_load(
        self, declare: Any, monkeypatch: pytest.MonkeyPatch, fails: str
    ) -> None:
        load = Load()
        read = declare(load)
        monkeypatch.setattr(type(caches["default"]), fails, fail)

        assert read(pk=1) == 1
        assert load.calls == [1]

    def test_while_invalidating_keeps_the_write_and_the_old_value_for_a_ttl_at_most(
        self, declare: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        truth = {"value": "old"}
        later: list[str] = []
        read = declare(returning(truth), ttl=1)
        read(pk=1)

        with monkeypatch.context() as patch:
            patch.setattr(type(caches["default"]), "delete_many", fail)
            with transaction.atomic():
                truth["value"] = "new"
                read.invalidate(pk=1)
                transaction.on_commit(lambda: later.append("ran"))
        outage.state.reset()

        assert later == ["ran"]
        assert "could not be invalidated for {'pk': 1}" in caplog.text
        while read(pk=1) == "old":
            time.sleep(0.05)
        assert read(pk=1) == "new"


@pytest.mark.django_db(transaction=True)
class TestInvalidating:
    def test_takes_effect_when_the_transaction_commits(self, declare: Any) -> None:
        truth = {"value": "old"}
        read = declare(returning(truth))
        read(pk=1)

        with transaction.atomic():
            truth["value"] = "new"
            with transaction.atomic():
                read.invalidate(pk=1)
            assert in_another_thread(read) == "old"

        assert read(pk=1) == "new"

    def test_uses_the_cache_only_after_the_commit(
        self, declare: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        in_transaction: list[bool] = []
        read = declare(Load())
        monkeypatch.setattr(
            type(caches["default"]),
            "delete_many",
            lambda *_: in_transaction.append(transaction.get_connection().in_atomic_block),
        )

        with transaction.atomic():
            read.invalidate(pk=1)

        assert in_transaction == [False]

    def test_lets_later_hooks_run_when_it_fails(
        self, declare: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def break_down(*_: object) -> None:
            raise RuntimeError("a fault of the backend")

        later: list[str] = []
        read = declare(Load())
        monkeypatch.setattr(type(caches["default"]), "delete_many", break_down)

        with transaction.atomic():
            read.invalidate(pk=1)
            transaction.on_commit(lambda: later.append("ran"))

        assert later == ["ran"]

    def test_takes_effect_at_once_outside_of_a_transaction(self, declare: Any) -> None:
        truth = {"value": "old"}
        read = declare(returning(truth))
        read(pk=1)
        truth["value"] = "new"

        read.invalidate(pk=1)

        assert read(pk=1) == "new"

    @pytest.mark.parametrize("rolled_back", ["transaction", "savepoint"])
    def test_does_nothing_when_the_transaction_rolls_back(
        self, declare: Any, rolled_back: str
    ) -> None:
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

    def test_wins_against_a_reader_that_loaded_before_the_commit(self, declare: Any) -> None:
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

    def test_leaves_other_values_alone(self, declare: Any) -> None:
        load = Load()
        read = declare(load)
        for pk in (1, 2):
            read(pk=pk)

        read.invalidate(pk=1)

        assert [read(pk=1), read(pk=2)] == [1, 2]
        assert load.calls == [1, 2, 1]


@pytest.mark.django_db
class TestInATransaction:
    def test_a_read_neither_uses_nor_fills_the_cache_and_is_not_counted(
        self, declare: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        load = Load()
        read = declare(load)
        monkeypatch.setattr(figures, "WRITE_SECONDS", 0)

        with transaction.atomic():
            read(pk=1)
            read(pk=1)

        assert load.calls == [1, 1]
        assert not CacheUse.objects.exists()

    @pytest.mark.parametrize(
        "wrapped", [lambda row: row, lambda row: [row], lambda row: {"a": row}]
    )
    def test_a_result_with_model_rows_is_refused(
        self, declare: Any, wrapped: Callable[[object], object]
    ) -> None:
        read = declare(Load(wrapped(get_user_model()())))

        with pytest.raises(TypeError, match=r"model rows .*Return plain dataclasses"):
            read(pk=1)

    def test_a_result_that_cannot_be_stored_is_refused(self, declare: Any) -> None:
        read = declare(Load(number for number in range(3)))

        with pytest.raises(TypeError, match=r"cannot store this: .*generator"):
            read(pk=1)


def returning(truth: dict[str, str]) -> Callable[..., str]:
    """Return a function that returns the current value."""

    def load(*, pk: int) -> str:
        return truth["value"]

    return load


def in_another_thread(read: CachedRead[Any, Any]) -> object:
    """Return what another thread reads, outside of this thread's transaction."""
    seen: list[object] = []
    in_threads(1, lambda: seen.append(read(pk=1)))
    return seen[0]
