import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import caches
from django.db import connections, transaction

from conventions import caching
from conventions.caching import CachedRead, cached_read


@pytest.fixture
def declare(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Declare a cache for one test and forget the declaration afterwards."""
    name = f"tests.{request.node.name}"
    words: dict[str, Any] = {
        "name": name,
        "key": "{pk}",
        "version": 1,
        "ttl": 60,
        "bottleneck": "a test",
        "invalidated_by": (),
    }

    def make(load: Any, **others: Any) -> CachedRead[Any, Any]:
        return cached_read(**(words | others))(load)

    yield make
    caching.declared.pop(name, None)


class Load:
    """A load that keeps count. Returns what it was asked for, or `answer`."""

    def __init__(self, *answer: object) -> None:
        self.answer = answer
        self.calls: list[int] = []

    def __call__(self, *, pk: int) -> object:
        self.calls.append(pk)
        return self.answer[0] if self.answer else pk


class TestDeclaration:
    def test_refuses_a_key_that_forgets_a_parameter(self, declare: Any) -> None:
        def load(*, pk: int, tenant: int) -> int:
            return pk

        with pytest.raises(TypeError, match=r"Write key='\{pk\}:\{tenant\}'"):
            declare(load)

    def test_refuses_a_parameter_that_may_be_left_out(self, declare: Any) -> None:
        def load(*, pk: int = 1) -> int:
            return pk

        with pytest.raises(TypeError, match="keyword-only, without a default"):
            declare(load)

    def test_refuses_a_cache_without_a_reason(self, declare: Any) -> None:
        with pytest.raises(TypeError, match="has no bottleneck"):
            declare(lambda *, pk: pk, bottleneck=" ")

    def test_refuses_a_name_twice(self, declare: Any) -> None:
        declare(lambda *, pk: pk)

        with pytest.raises(TypeError, match="declared twice"):
            declare(lambda *, pk: pk)


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

    def test_loads_once_for_many_readers_of_a_cold_key(self, declare: Any) -> None:
        loaded: list[int] = []

        def load(*, pk: int) -> int:
            loaded.append(pk)
            time.sleep(0.3)
            return pk

        read = declare(load)
        seen: list[int] = []
        together = threading.Barrier(12)

        def reader() -> None:
            together.wait()
            seen.append(read(pk=3))
            connections.close_all()

        threads = [threading.Thread(target=reader) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert seen == [3] * 12
        assert loaded == [3]

    def test_raises_what_the_load_raises(self, declare: Any) -> None:
        def load(*, pk: int) -> int:
            raise OSError("the load's own trouble")

        with pytest.raises(OSError, match="the load's own trouble"):
            declare(load)(pk=1)

    def test_refuses_model_rows(self, declare: Any) -> None:
        read = declare(lambda *, pk: [get_user_model()()])

        with pytest.raises(TypeError, match="Return plain dataclasses"):
            read(pk=1)

    def test_goes_past_a_cache_that_is_down(
        self, declare: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def down(*_: object, **__: object) -> None:
            raise ConnectionError("no cache today")

        read = declare(lambda *, pk: pk)
        monkeypatch.setattr(type(caches["default"]), "get_many", down)

        assert [read(pk=1), read(pk=1)] == [1, 1]
        assert [
            record.message for record in caplog.records if "out of reach" in record.message
        ] == [f"The cache {read.name} is out of reach, reading past it: no cache today"]


@pytest.mark.django_db(transaction=True)
class TestInvalidating:
    def test_takes_effect_when_the_transaction_commits(self, declare: Any) -> None:
        truth = {"value": "old"}
        read = declare(lambda *, pk: truth["value"])
        read(pk=1)

        with transaction.atomic():
            truth["value"] = "new"
            read.invalidate(pk=1)

        assert read(pk=1) == "new"

    def test_is_forgotten_when_the_transaction_rolls_back(self, declare: Any) -> None:
        load = Load()
        read = declare(load)
        read(pk=1)

        with transaction.atomic():
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

        def late_reader() -> None:
            read(pk=1)
            connections.close_all()

        reader = threading.Thread(target=late_reader)
        reader.start()
        loaded.wait(5)
        with transaction.atomic():
            truth["value"] = "new"
            read.invalidate(pk=1)
        committed.set()
        reader.join()

        assert read(pk=1) == "new"


@pytest.mark.django_db
class TestInsideATransaction:
    def test_the_cache_is_neither_read_nor_filled(self, declare: Any) -> None:
        load = Load()
        read = declare(load)

        with transaction.atomic():
            read(pk=1)
            read(pk=1)

        assert load.calls == [1, 1]
