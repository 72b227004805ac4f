"""The embedded broker with real processes: what is killed must lose nothing."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from kombu import Connection, Queue

from conventions import local_broker

HOLD_ONE = """
    import sys, time
    from kombu import Connection, Queue
    from conventions import local_broker
    local_broker.register()
    with Connection("local://", transport_options={"folder": sys.argv[1]}) as connection:
        def hold(body, message):
            print(body, flush=True)
            time.sleep(60)
        with connection.Consumer(Queue("work"), callbacks=[hold]):
            connection.drain_events(timeout=20)
"""


@pytest.fixture
def connection(tmp_path: Path) -> Connection:
    local_broker.register()
    return Connection("local://", transport_options={"folder": str(tmp_path)})


def publish(connection: Connection, *bodies: str) -> None:
    with connection.Producer() as producer:
        for body in bodies:
            producer.publish(body, routing_key="work", declare=[Queue("work")])


def consume(connection: Connection, *, seconds: float = 10.0) -> str:
    got: list[str] = []

    def take(body: str, message: object) -> None:
        got.append(body)
        message.ack()  # type: ignore[attr-defined]

    with connection.Consumer(Queue("work"), callbacks=[take]):
        connection.drain_events(timeout=seconds)
    return got[0]


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
        worker = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(HOLD_ONE), str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert worker.stdout is not None
        assert worker.stdout.readline().strip() == "precious"
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        worker.stdout.close()

        assert consume(connection) == "precious"

    def test_leaves_alone_what_a_living_process_holds(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        publish(connection, "taken")
        worker = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(HOLD_ONE), str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert worker.stdout is not None
        worker.stdout.readline()
        time.sleep(local_broker.TAKE_BACK_EVERY)
        try:
            with pytest.raises(TimeoutError):
                consume(connection, seconds=2)
        finally:
            worker.kill()
            worker.wait()
            worker.stdout.close()

    def test_puts_back_what_was_not_acknowledged_at_a_normal_end(
        self, connection: Connection
    ) -> None:
        publish(connection, "again")
        with connection.clone() as other, other.Consumer(Queue("work"), callbacks=[print]):
            other.drain_events(timeout=10)

        assert consume(connection) == "again"

    def test_puts_a_broken_message_aside_and_goes_on(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        publish(connection, "spoiled", "good")
        spoiled = min((tmp_path / "queued").iterdir())
        spoiled.write_text("")

        assert consume(connection) == "good"
        assert [path.name for path in (tmp_path / "broken").iterdir()] == [spoiled.name]

    def test_forgets_a_purged_queue(self, connection: Connection) -> None:
        publish(connection, "a", "b")

        assert connection.default_channel.queue_purge("work") == 2
        with pytest.raises(TimeoutError):
            consume(connection, seconds=1)
