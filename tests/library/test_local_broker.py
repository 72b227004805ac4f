"""The embedded broker with real processes: what is killed must lose nothing."""

import os
import signal
import subprocess
import sys
import textwrap
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection, Queue

from trellis import local_broker, testing

BROKER = "trellis.local_broker:Transport"
HOLD_ONE = """
    import sys, time
    from kombu import Connection, Queue
    broker, folder = sys.argv[1:]
    with Connection(transport=broker, transport_options={"folder": folder}) as connection:
        def hold(body, message):
            print(body, flush=True)
            time.sleep(60)
        with connection.Consumer(Queue("work"), callbacks=[hold]):
            connection.drain_events(timeout=20)
"""


@contextmanager
def holding(folder: Path, body: str) -> Iterator[None]:
    """Let another process hold the message `body`; kill it with SIGKILL at the end."""
    worker = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOLD_ONE), BROKER, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout is not None
    try:
        assert worker.stdout.readline().strip() == body
        yield
    finally:
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        worker.stdout.close()


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    options = {"folder": str(tmp_path)}
    with Connection(transport=BROKER, transport_options=options) as connection:
        yield connection


def publish(connection: Connection, *bodies: str) -> None:
    with connection.Producer() as producer:
        for body in bodies:
            producer.publish(body, routing_key="work", declare=[Queue("work")])


def consume(connection: Connection, *, seconds: float = 10.0) -> str:
    got: list[str] = []

    with connection.Consumer(
        Queue("work"), callbacks=[lambda body, _: got.append(body), acknowledge]
    ):
        connection.drain_events(timeout=seconds)
    return got[0]


def acknowledge(body: str, message: Any) -> None:
    message.ack()


class TestLocalBroker:
    def test_delivers_in_order_and_keeps_nothing(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        publish(connection, "first", "second")

        assert [consume(connection), consume(connection)] == ["first", "second"]
        assert list(tmp_path.rglob("*.msg")) == []

    def test_takes_back_what_a_killed_process_held(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        publish(connection, "precious")
        with holding(tmp_path, "precious"):
            pass

        assert consume(connection) == "precious"

    def test_leaves_alone_what_a_living_process_holds_and_takes_it_once_that_is_killed(
        self, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(local_broker, "TAKE_BACK_EVERY", 0.2)
        publish(connection, "precious")

        with connection.Consumer(Queue("work"), callbacks=[acknowledge]):
            with holding(tmp_path, "precious"), pytest.raises(TimeoutError):
                connection.drain_events(timeout=1)
            connection.drain_events(timeout=10)  # raises TimeoutError without a message

    def test_forgets_a_holder_that_was_killed_while_it_was_cleared_away(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        publish(connection, "precious", "last")
        with holding(tmp_path, "precious"):
            pass
        (lock,) = (tmp_path / "held").glob("*.lock")
        (held,) = (tmp_path / "held" / lock.stem).iterdir()
        held.rename(tmp_path / "queued/work" / held.name)
        held.parent.rmdir()

        assert [consume(connection), consume(connection)] == ["precious", "last"]
        assert not lock.exists()

    def test_puts_back_in_its_place_what_was_not_acknowledged_at_a_normal_end(
        self, connection: Connection
    ) -> None:
        publish(connection, "again", "next")
        with connection.clone() as other, other.Consumer(Queue("work"), callbacks=[print]):
            other.drain_events(timeout=10)

        assert [consume(connection), consume(connection)] == ["again", "next"]

    def test_lists_a_long_queue_once_and_not_once_for_each_message(
        self, connection: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        listings: list[str] = []
        list_queue = local_broker.Channel._list

        def count(channel: local_broker.Channel, queue: str) -> deque[Path]:
            listings.append(queue)
            return list_queue(channel, queue)

        publish(connection, *(str(number) for number in range(300)))
        monkeypatch.setattr(local_broker.Channel, "_list", count)

        with connection.Consumer(Queue("work"), callbacks=[acknowledge]):
            for _ in range(300):
                connection.drain_events(timeout=10)

        assert len(listings) < 5

    def test_puts_a_broken_message_aside_and_goes_on(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        publish(connection, "spoiled", "good")
        spoiled = min((tmp_path / "queued/work").iterdir())
        spoiled.write_text("")

        assert consume(connection) == "good"
        assert [path.name for path in (tmp_path / "broken").iterdir()] == [spoiled.name]

    def test_holds_by_one_claim_in_all_threads(self, tmp_path: Path) -> None:
        for attempt in range(20):
            claims: set[Path] = set()
            folder = tmp_path / str(attempt)

            def claim(folder: Path = folder, claims: set[Path] = claims) -> None:
                claims.add(local_broker.Holder.of_this_process(folder).folder)

            assert testing.run_concurrently(*[claim] * 4) == []
            assert len(claims) == 1

    def test_forgets_a_purged_queue(self, connection: Connection) -> None:
        publish(connection, "a", "b")

        assert connection.default_channel.queue_purge("work") == 2
        with pytest.raises(TimeoutError):
            consume(connection, seconds=1)
