"""A Celery broker that is a folder: `CELERY_BROKER_URL=local://localhost`.

For development and one small host, on Linux and macOS. It is kombu's filesystem transport, made
safe for processes that die and processes that publish at the same time:

    queued/<queue>/   messages that wait: `<microseconds>-<uuid>.<queue>.msg`
    held/<process>/   messages that a process was given and has not acknowledged
    held/<process>.lock   locked as long as that process lives
    bindings/         an empty file for each queue of an exchange: commands go to every worker
    broken/           files that are no messages

- A message is written elsewhere and renamed into its queue, so nobody reads half of one.
- A message that is delivered stays on disk until it is acknowledged. If its process dies, however
  that happens, the lock is free, and any other process puts the message back into its queue.
- Two processes that bind at the same time write two files, so no binding is lost.
- A queue is listed once for all messages that wait in it: of a thousand messages none takes longer
  than of ten.
"""

import atexit
import fcntl
import json
import os
import threading
import time
import uuid
from collections import deque
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import IO, Any
from urllib.parse import quote, unquote

import structlog
from kombu.transport import filesystem, virtual

from trellis import messages

logger = structlog.get_logger(__name__)

LOOK_FOR_THE_DEAD_EVERY = 2.0  # seconds


class Holder:
    """The folder of messages that this process holds, and the lock that shows that it lives.

    `lockf` locks belong to a process and not to its children: the lock is free when this process
    ends, even if children live on. And unlike a process id, it cannot mean another process.
    """

    _by_process: dict[tuple[int, Path], "Holder"] = {}
    _creating = threading.Lock()

    def __init__(self, held: Path) -> None:
        name = uuid.uuid4().hex
        self.folder = held / name
        self.folder.mkdir(parents=True)
        self.lock_path = held / f"{name}.lock"
        draft = held / f"{name}.draft"
        self._lock_file = draft.open("w")
        fcntl.lockf(self._lock_file, fcntl.LOCK_EX)
        draft.rename(self.lock_path)  # other processes never see it without its lock
        self.reported: set[Path] = set()  # lock files that gave an error
        atexit.register(self._remove, os.getpid())

    @classmethod
    def of_this_process(cls, held: Path) -> "Holder":
        """Return the one holder that this process has in the folder `held`."""
        key = (os.getpid(), held)
        with cls._creating:
            if key not in cls._by_process:
                cls._by_process[key] = cls(held)
            return cls._by_process[key]

    def _remove(self, pid: int) -> None:
        """Clean up when the process ends normally, unless it still holds messages."""
        if pid == os.getpid():  # and not that of a child, which inherits the exit handler
            with suppress(OSError):
                self.folder.rmdir()
                self.lock_path.unlink()

    def requeue_messages_of_the_dead(self, queued: Path) -> None:
        """Put the messages of processes that have died back into their queues."""
        for lock_path in self.lock_path.parent.glob("*.lock"):
            if lock_path == self.lock_path:
                continue  # to open and close our own lock file would release the lock
            try:
                _requeue_if_dead(lock_path, queued=queued)
            except FileNotFoundError:  # another process was quicker
                pass
            except OSError as error:  # nothing of ours, or of another user: leave it alone
                if lock_path not in self.reported:
                    logger.error("broker_lock_unusable", file=str(lock_path), error=str(error))
                    self.reported.add(lock_path)


def _requeue_if_dead(lock_path: Path, *, queued: Path) -> None:
    with lock_path.open("r+") as lock_file:
        if not _is_free(lock_file):
            return
        folder = lock_path.with_suffix("")
        for message in folder.glob("*.msg"):
            _enqueue(message, queued=queued)
        with suppress(FileNotFoundError):  # another process was killed right here
            folder.rmdir()
        lock_path.unlink()


def _is_free(lock_file: IO[str]) -> bool:
    try:
        fcntl.lockf(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _file_name(queue: str) -> str:
    return f"{time.time_ns() // 1000:020}-{uuid.uuid4()}.{quote(queue, safe='')}.msg"


def _enqueue(message: Path, *, queued: Path) -> None:
    """Move a message into its queue. Its name keeps its place there."""
    _, _, quoted_queue = message.stem.partition(".")
    folder = queued / quoted_queue
    folder.mkdir(exist_ok=True)
    message.rename(folder / message.name)


class QoS(virtual.QoS):
    """Deletes a message when it is acknowledged."""

    def ack(self, delivery_tag: str) -> None:
        super().ack(delivery_tag)
        self.channel.delete_message(delivery_tag)
        self.channel.connection.deliver_soon()

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        super().reject(delivery_tag, requeue=requeue)  # to requeue it calls `Channel._restore`
        self.channel.delete_message(delivery_tag)
        self.channel.connection.deliver_soon()


class Channel(filesystem.Channel):
    """What kombu does with queues and exchanges, done with files."""

    QoS = QoS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.folder = Path(self.transport_options["folder"])
        self.queued = self.folder / "queued"
        self.bindings = self.folder / "bindings"
        self.broken = self.folder / "broken"
        for folder in (self.queued, self.bindings, self.broken):
            folder.mkdir(parents=True, exist_ok=True)
        self.waiting: dict[str, deque[Path]] = {}  # queue -> its messages when it was listed
        self.held: dict[str, Path] = {}  # delivery tag -> file
        self.no_ack_queues: set[str] = set()
        self.next_look_for_the_dead = 0.0

    def _put(self, queue: str, message: Any, **kwargs: Any) -> None:
        draft = self.folder / _file_name(queue)  # nobody reads messages in this folder
        draft.write_text(json.dumps(message))
        _enqueue(draft, queued=self.queued)

    def _restore(self, message: Any) -> None:
        # kombu would publish the message anew, and there would be two of it for a moment.
        if path := self.held.pop(message.delivery_tag, None):
            _enqueue(path, queued=self.queued)

    def basic_consume(self, queue: str, no_ack: bool, *args: Any, **kwargs: Any) -> Any:
        if no_ack:
            self.no_ack_queues.add(queue)
            if queue.endswith(".pidbox") and ".reply." not in queue:
                self._purge(queue)  # commands to a dead worker of the same name
        return super().basic_consume(queue, no_ack, *args, **kwargs)

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        """Return the oldest message of a queue and hold its file. Raises `Empty`."""
        holder = Holder.of_this_process(self.folder / "held")
        if time.monotonic() > self.next_look_for_the_dead:
            self.next_look_for_the_dead = time.monotonic() + LOOK_FOR_THE_DEAD_EVERY
            holder.requeue_messages_of_the_dead(self.queued)
        waiting = self.waiting.get(queue) or self._list(queue)
        while waiting:
            path = waiting.popleft()
            held = holder.folder / path.name
            with suppress(FileNotFoundError):  # another process was quicker
                path.rename(held)
                if message := self._read(held):
                    if queue in self.no_ack_queues:
                        held.unlink()
                    else:
                        self.held[message["properties"]["delivery_tag"]] = held
                    return message
        raise Empty

    def _read(self, path: Path) -> Any:
        """Return the message in a file. If there is none, put the file aside and return None."""
        try:
            message = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError, PermissionError):
            message = None  # half a file after a power cut; nested too deeply; another user's file
        if messages.is_envelope(message):
            return message
        logger.error("message_unreadable", file=path.name, kept_in=str(self.broken))
        path.rename(self.broken / path.name)
        return None

    def delete_message(self, delivery_tag: str) -> None:
        """Delete the file of a message, unless the message went back to its queue."""
        if path := self.held.pop(delivery_tag, None):
            path.unlink(missing_ok=True)

    def _list(self, queue: str) -> deque[Path]:
        self.waiting[queue] = deque()
        with suppress(FileNotFoundError), os.scandir(self._queue_folder(queue)) as entries:
            # A link is no message, and one to itself could not even be looked at.
            files = (entry for entry in entries if entry.is_file(follow_symlinks=False))
            names = sorted(entry.path for entry in files)
            self.waiting[queue] = deque(Path(name) for name in names if name.endswith(".msg"))
        return self.waiting[queue]

    def _queue_folder(self, queue: str) -> Path:
        return self.queued / quote(queue, safe="")

    def _size(self, queue: str) -> int:
        return len(self._list(queue))

    def _purge(self, queue: str) -> int:
        waiting = self._list(queue)
        for path in waiting:
            path.unlink(missing_ok=True)
        return len(waiting)

    def _binding(self, exchange: str, *parts: str | None) -> Path:
        return self.bindings / "|".join(quote(part or "", safe="") for part in (exchange, *parts))

    def get_table(self, exchange: str) -> list[filesystem.exchange_queue_t]:
        bindings = (path.name.split("|") for path in self.bindings.iterdir())
        return [
            filesystem.exchange_queue_t(*map(unquote, parts))
            for quoted_exchange, *parts in bindings
            if unquote(quoted_exchange) == exchange
        ]

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        self._binding(exchange, routing_key, pattern, queue).touch()

    def _delete(
        self, queue: str, exchange: str, routing_key: str, pattern: str, *args: Any, **kwargs: Any
    ) -> None:
        self._purge(queue)
        with suppress(OSError):  # there is no folder, or somebody has just published into it
            self._queue_folder(queue).rmdir()
        self._binding(exchange, routing_key, pattern, queue).unlink(missing_ok=True)


class Transport(filesystem.Transport):
    """kombu's entry point for `local://`."""

    Channel = Channel
    global_state = virtual.BrokerState()
    # Celery then gives the worker its event loop and a pool with a pipe for each child, as for
    # Redis and RabbitMQ. In the other pool all children share a lock, and a child that is killed
    # while it holds the lock blocks the others for ever.
    implements = filesystem.Transport.implements.extend(asynchronous=True)
    loop: Any = None

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        """Deliver messages every now and then, and whenever one was dealt with."""
        self.loop = loop
        loop.call_repeatedly(self.polling_interval, self.deliver)

    def deliver(self) -> None:
        """Deliver waiting messages, up to the prefetch limit."""
        with suppress(Empty):
            while True:
                self.cycle.get(self._deliver)

    def deliver_soon(self) -> None:
        """Deliver before the event loop of a worker sleeps again."""
        if self.loop:
            self.loop.call_later(0, self.deliver)
