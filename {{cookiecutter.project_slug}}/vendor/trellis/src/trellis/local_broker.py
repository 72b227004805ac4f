"""A Celery broker that is a folder: `CELERY_BROKER_URL=local://`.

For development and small single-host use, on Linux and macOS. It is kombu's filesystem transport
with what that one lacks when processes die or publish at the same time:

- A message is written under a temporary name and then renamed, so nobody reads half of one.
- A delivered message stays on disk, held by its process, until it is acknowledged. Each process
  keeps a lock on a file of its own for as long as it lives, whatever way it ends; messages held
  by a process whose lock is free go back to their queue.
- A binding is a file of its own, so two processes that bind at once cannot lose one another's.
- A queue is a folder of its own and is listed once for all that waits in it, not once for each
  message: a thousand waiting messages take no longer each than ten.
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

logger = structlog.get_logger(__name__)

TAKE_BACK_EVERY = 2.0  # seconds between two looks for processes that have died


class Holder:
    """This process's claim to the messages it was given and has not acknowledged.

    Locked with `lockf`, which a forked child does not inherit: the claim ends with this process
    even when its children live on, and a process id that comes round again means nothing.
    """

    _mine: dict[tuple[int, Path], "Holder"] = {}
    _one_at_a_time = threading.Lock()  # to its own process, a lock of `lockf` looks free

    def __init__(self, folder: Path) -> None:
        token = uuid.uuid4().hex
        self.folder = folder / token
        self.folder.mkdir(parents=True)
        self.lock_path = folder / f"{token}.lock"
        draft = folder / f"{token}.draft"
        self._lock = draft.open("w")
        fcntl.lockf(self._lock, fcntl.LOCK_EX)
        draft.rename(self.lock_path)  # seen by others only once it is locked
        atexit.register(self.leave, os.getpid())

    @classmethod
    def of_this_process(cls, folder: Path) -> "Holder":
        """Return the one holder this process has in `folder`."""
        key = (os.getpid(), folder)
        with cls._one_at_a_time:
            if key not in cls._mine:
                cls._mine[key] = cls(folder)
            return cls._mine[key]

    def leave(self, pid: int) -> None:
        """Clear up at a normal end; what is still held stays for another process to take back."""
        if pid == os.getpid():
            with suppress(OSError):  # not empty
                self.folder.rmdir()
                self.lock_path.unlink()

    def take_back(self, queued: Path) -> None:
        """Return to their queues the messages that dead processes held."""
        for lock_path in self.lock_path.parent.glob("*.lock"):
            if lock_path == self.lock_path:
                continue  # opening and closing our own would let go of our lock
            try:
                with lock_path.open("r+") as lock:
                    if not _free(lock):
                        continue
                    held = lock_path.with_suffix("")
                    for message in held.glob("*.msg"):
                        _enqueue(message, queued=queued)
                    with suppress(FileNotFoundError):  # killed between this line and the next
                        held.rmdir()
                    lock_path.unlink()
            except FileNotFoundError:
                continue  # another process was quicker


def _free(lock: IO[str]) -> bool:
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _enqueue(message: Path, *, queued: Path) -> None:
    """Move a message to its queue and its place there, at one stroke: its name says both."""
    folder = queued / message.name[58:-4]  # microseconds (20), a dash, uuid (36), a dot; `.msg`
    folder.mkdir(exist_ok=True)
    message.rename(folder / message.name)


class QoS(virtual.QoS):
    """Acknowledging is what removes a message from the disk."""

    def ack(self, delivery_tag: str) -> None:
        super().ack(delivery_tag)
        self.channel.drop(delivery_tag)
        self.channel.connection.deliver_soon()

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        super().reject(delivery_tag, requeue=requeue)
        self.channel.drop(delivery_tag)  # unless it went back to its queue
        self.channel.connection.deliver_soon()


class Channel(filesystem.Channel):
    """Each queue a folder, of files named `<microseconds>-<uuid>.<queue>.msg`."""

    QoS = QoS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.folder = Path(self.transport_options["folder"])
        self.queued, self.bindings, self.broken = (
            self.folder / name for name in ("queued", "bindings", "broken")
        )
        for folder in (self.queued, self.bindings, self.broken):
            folder.mkdir(parents=True, exist_ok=True)
        self.listed: dict[str, deque[Path]] = {}  # queue -> what was found waiting, oldest first
        self.held: dict[str, Path] = {}  # delivery tag -> file
        self.unacknowledged: set[str] = set()  # queues whose consumers do not acknowledge
        self.look_again = 0.0

    def basic_consume(self, queue: str, no_ack: bool, *args: Any, **kwargs: Any) -> Any:
        if no_ack:
            self.unacknowledged.add(queue)
            if queue.endswith(".pidbox") and ".reply." not in queue:
                self._purge(queue)  # what a worker of this name was told before it died
        return super().basic_consume(queue, no_ack, *args, **kwargs)

    # Publishing ---------------------------------------------------------------------------

    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:
        name = f"{time.time_ns() // 1000:020}-{uuid.uuid4()}.{quote(queue, safe='')}.msg"
        draft = self.folder / name  # nobody reads here
        draft.write_text(json.dumps(payload))
        _enqueue(draft, queued=self.queued)

    def _restore(self, message: Any) -> None:
        # The file itself goes back; written anew, there would be two of it for a moment.
        if held := self.held.pop(message.delivery_tag, None):
            _enqueue(held, queued=self.queued)

    # Consuming ----------------------------------------------------------------------------

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        holder = Holder.of_this_process(self.folder / "held")
        if time.monotonic() > self.look_again:
            self.look_again = time.monotonic() + TAKE_BACK_EVERY
            holder.take_back(self.queued)
        listed = self.listed.get(queue) or self._list(queue)
        while listed:
            path = listed.popleft()
            held = holder.folder / path.name
            try:
                path.rename(held)
            except FileNotFoundError:
                continue  # another worker was quicker
            try:
                payload = json.loads(held.read_text())
                tag = payload["properties"]["delivery_tag"]
            except (ValueError, KeyError, TypeError):
                # Half a message, say after a power cut: kept to look at, and nobody stops for it.
                logger.exception("broken_message", file=path.name)
                held.rename(self.broken / path.name)
                continue
            if queue in self.unacknowledged:
                held.unlink()
            else:
                self.held[tag] = held
            return payload
        raise Empty

    def _list(self, queue: str) -> deque[Path]:
        folder = self.queued / quote(queue, safe="")
        self.listed[queue] = deque(sorted(folder.iterdir()) if folder.exists() else [])
        return self.listed[queue]

    def drop(self, delivery_tag: str) -> None:
        """Remove a message that was acknowledged or rejected."""
        if held := self.held.pop(delivery_tag, None):
            held.unlink(missing_ok=True)

    def _size(self, queue: str) -> int:
        return len(self._list(queue))

    def _purge(self, queue: str) -> int:
        waiting = self._list(queue)
        for path in waiting:
            path.unlink(missing_ok=True)
        return len(waiting)

    # Bindings (for `inspect`, `control` and events, which go to every worker) ---------------

    def _binding(self, exchange: str, *parts: str | None) -> Path:
        name = "|".join(quote(part or "", safe="") for part in (exchange, *parts))
        return self.bindings / name

    def get_table(self, exchange: str) -> list[filesystem.exchange_queue_t]:
        prefix = quote(exchange, safe="") + "|"
        return [
            filesystem.exchange_queue_t(*map(unquote, path.name.split("|")[1:]))
            for path in self.bindings.iterdir()
            if path.name.startswith(prefix)
        ]

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        self._binding(exchange, routing_key, pattern, queue).touch()

    def _delete(
        self, queue: str, exchange: str, routing_key: str, pattern: str, *args: Any, **kwargs: Any
    ) -> None:
        self._purge(queue)
        with suppress(OSError):  # never used, or used again in this very moment
            (self.queued / quote(queue, safe="")).rmdir()
        self._binding(exchange, routing_key, pattern, queue).unlink(missing_ok=True)


class Transport(filesystem.Transport):
    """kombu's entry point for `local://`."""

    Channel = Channel
    global_state = virtual.BrokerState()
    # A worker then has its event loop, and with it the pool it has for Redis and RabbitMQ: pipes
    # for each child. In the other pool they share a lock, which a child that is killed takes along.
    implements = filesystem.Transport.implements.extend(asynchronous=True)
    loop: Any = None

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        """Look for messages now and then, and whenever one was dealt with."""
        self.loop = loop
        loop.call_repeatedly(self.polling_interval, self.deliver)

    def deliver(self) -> None:
        """Deliver what waits, as far as the prefetch limit allows."""
        with suppress(Empty):
            while True:
                self.cycle.get(self._deliver)

    def deliver_soon(self) -> None:
        """Deliver before the worker's loop sleeps again, if there is one."""
        if self.loop:
            self.loop.call_later(0, self.deliver)
