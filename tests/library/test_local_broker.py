"""The broker in files, with real processes: nothing is lost when they are killed."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection, Queue
from structlog.testing import capture_logs

from trellis import local_broker
from trellis.testing import run_concurrently

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
def held_by_another_process(folder: Path, body: str) -> Iterator[None]:
    """Let another process hold the message `body`; kill it with SIGKILL at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOLD_ONE), BROKER, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline().strip() == body
        yield
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def connect(folder: Path) -> Connection:
    return Connection(transport=BROKER, transport_options={"folder": str(folder)})


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    with connect(tmp_path) as connection:
        yield connection


def publish(connection: Connection, *bodies: str, queue: str = "work") -> None:
    with connection.Producer() as producer:
        for body in bodies:
            producer.publish(body, routing_key=queue, declare=[Queue(queue)])


def consume(connection: Connection, *, queue: str = "work", seconds: float = 10.0) -> str:
    bodies: list[str] = []
    keep = [lambda body, _: bodies.append(body), acknowledge]
    with connection.Consumer(Queue(queue), callbacks=keep):
        connection.drain_events(timeout=seconds)
    return bodies[0]


def acknowledge(body: str, message: Any) -> None:
    message.ack()


class TestDelivery:
    def test_keeps_the_order_and_leaves_no_file(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        publish(connection, "first", "second")

        assert [consume(connection), consume(connection)] == ["first", "second"]
        assert list(tmp_path.rglob("*.msg")) == []

    def test_works_for_a_queue_of_any_name(self, connection: Connection) -> None:
        for queue in ("a.b", "a/b", "..", "ä b|c"):
            publish(connection, queue, queue=queue)
            assert consume(connection, queue=queue) == queue

    def test_puts_a_message_back_in_its_place_if_it_was_not_acknowledged(
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

    def test_ends_when_the_queue_is_purged(self, connection: Connection) -> None:
        publish(connection, "a", "b")

        assert connection.default_channel.queue_purge("work") == 2
        with pytest.raises(TimeoutError):
            consume(connection, seconds=0.5)


class TestCommands:
    """Celery's `inspect` and `control` send to `NAME.celery.pidbox` and read a reply queue."""

    def consume(self, connection: Connection, queue: str) -> list[str]:
        bodies: list[str] = []
        keep = [lambda body, _: bodies.append(body)]
        with (
            connection.Consumer(Queue(queue), callbacks=keep, no_ack=True),
            suppress(TimeoutError),
        ):
            connection.drain_events(timeout=0.5)
        return bodies

    def test_to_a_dead_worker_are_not_for_the_next_one_of_its_name(
        self, connection: Connection
    ) -> None:
        publish(connection, "shutdown", queue="desk@host.celery.pidbox")
        publish(connection, "pong", queue="1234.reply.celery.pidbox")

        assert self.consume(connection, "desk@host.celery.pidbox") == []
        assert self.consume(connection, "1234.reply.celery.pidbox") == ["pong"]


class TestKilledProcess:
    def test_loses_no_message(self, connection: Connection, tmp_path: Path) -> None:
        publish(connection, "precious")
        with held_by_another_process(tmp_path, "precious"):
            pass

        assert consume(connection) == "precious"

    def test_keeps_its_message_for_as_long_as_it_lives(
        self, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(local_broker, "LOOK_FOR_THE_DEAD_EVERY", 0.2)
        publish(connection, "precious")

        with connection.Consumer(Queue("work"), callbacks=[acknowledge]):
            with held_by_another_process(tmp_path, "precious"), pytest.raises(TimeoutError):
                connection.drain_events(timeout=1)
            connection.drain_events(timeout=10)  # raises TimeoutError without a message

    def test_may_be_the_one_that_cleans_up_after_another(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        publish(connection, "precious", "last")
        with held_by_another_process(tmp_path, "precious"):
            pass
        (lock,) = (tmp_path / "held").glob("*.lock")
        (held,) = (tmp_path / "held" / lock.stem).iterdir()
        held.rename(tmp_path / "queued/work" / held.name)
        held.parent.rmdir()

        assert [consume(connection), consume(connection)] == ["precious", "last"]
        assert not lock.exists()


class TestAtTheSameTime:
    def test_publishers_and_consumers_lose_and_double_nothing(self, tmp_path: Path) -> None:
        received: list[str] = []

        def send(sender: int) -> None:
            with connect(tmp_path) as connection:
                publish(connection, *(f"{sender} {number}" for number in range(50)))

        def receive() -> None:
            with connect(tmp_path) as connection:
                keep = [lambda body, _: received.append(body), acknowledge]
                with connection.Consumer(Queue("work"), callbacks=keep):
                    while len(received) < 200:
                        with suppress(TimeoutError):
                            connection.drain_events(timeout=0.5)

        senders = [lambda sender=sender: send(sender) for sender in range(4)]
        assert run_concurrently(*senders, receive, receive) == []

        assert sorted(received) == sorted(f"{s} {n}" for s in range(4) for n in range(50))

    def test_bindings_are_all_kept(self, tmp_path: Path) -> None:
        def bind(queue: str) -> None:
            with connect(tmp_path) as connection:
                connection.default_channel._queue_bind("all", "", "", queue)

        queues = [f"q{number}" for number in range(8)]
        assert run_concurrently(*[lambda queue=queue: bind(queue) for queue in queues]) == []

        with connect(tmp_path) as connection:
            table = connection.default_channel.get_table("all")
        assert sorted(binding.queue for binding in table) == queues

    def test_all_threads_of_a_process_share_one_holder(self, tmp_path: Path) -> None:
        for attempt in range(20):
            holders: set[local_broker.Holder] = set()
            folder = tmp_path / str(attempt)

            def hold(folder: Path = folder, holders: set[Any] = holders) -> None:
                holders.add(local_broker.Holder.of_this_process(folder))

            assert run_concurrently(*[hold] * 4) == []
            assert len(holders) == 1


class TestBrokenFile:
    @pytest.mark.parametrize(
        "content",
        [
            *("", "{", "null", "7", "[]", "{}", "[" * 100_000 + "]" * 100_000),
            *(["body"], ["headers"], ["properties"], ["properties", "delivery_tag"]),
        ],
    )
    def test_is_put_aside_and_the_next_message_is_delivered(
        self, connection: Connection, tmp_path: Path, content: str | list[str]
    ) -> None:
        publish(connection, "broken", "good")
        file = min((tmp_path / "queued/work").iterdir())
        file.write_text(content if isinstance(content, str) else without(file, *content))

        assert consume(connection) == "good"
        assert [path.name for path in (tmp_path / "broken").iterdir()] == [file.name]

    def test_may_be_a_folder_which_is_left_alone(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        (tmp_path / "queued/work/0.work.msg").mkdir(parents=True)
        (tmp_path / "queued/stray.msg").touch()
        publish(connection, "good")

        assert consume(connection) == "good"

    def test_may_be_a_link_to_itself_which_is_left_alone(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        publish(connection, "good")
        (tmp_path / "queued/work/0.work.msg").symlink_to("0.work.msg")

        assert consume(connection) == "good"

    def test_is_put_aside_if_it_may_not_be_read(
        self, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        publish(connection, "of root", "good")
        forbidden = min((tmp_path / "queued/work").iterdir()).name
        read_text = Path.read_text

        def read(path: Path, **options: Any) -> str:  # for root no file is forbidden
            if path.name == forbidden:
                raise PermissionError
            return read_text(path, **options)

        monkeypatch.setattr(Path, "read_text", read)

        assert consume(connection) == "good"
        assert [path.name for path in (tmp_path / "broken").iterdir()] == [forbidden]


class TestBrokenLock:
    @pytest.mark.parametrize("kind", ["folder", "fifo", "not empty"])
    def test_is_reported_once_and_the_messages_of_the_dead_come_back(
        self,
        connection: Connection,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        kind: str,
    ) -> None:
        monkeypatch.setattr(local_broker, "LOOK_FOR_THE_DEAD_EVERY", 0)
        held = tmp_path / "held"
        publish(connection, "precious")
        with held_by_another_process(tmp_path, "precious"):
            pass
        if kind == "folder":
            (held / "0.lock").mkdir()
        elif kind == "fifo":
            os.mkfifo(held / "0.lock")
        else:
            (held / "0.lock").touch()
            (held / "0/stray").mkdir(parents=True)

        with capture_logs() as lines:
            assert consume(connection) == "precious"
            with pytest.raises(TimeoutError):
                consume(connection, seconds=0.5)

        assert [line["file"] for line in lines] == [str(held / "0.lock")]


def without(file: Path, *path: str) -> str:
    """Return the message in a file without one of its parts."""
    message = part = json.loads(file.read_text())
    *parents, key = path
    for parent in parents:
        part = part[parent]
    del part[key]
    return json.dumps(message)
