"""kombu's Redis transport, which garbage on a queue cannot stop.

kombu decodes what it pops before anything else looks at it, and an error there ends the worker.
"""

from typing import Any

import structlog
from kombu.transport import redis

from trellis import messages

logger = structlog.get_logger(__name__)


class QoS(redis.QoS):
    """Drops what cannot be put back into its queue."""

    def restore_by_tag(self, tag: Any, *args: Any, **kwargs: Any) -> None:
        try:
            super().restore_by_tag(tag, *args, **kwargs)
        except (ValueError, TypeError, RecursionError):
            logger.exception("message_unreadable", delivery_tag=tag)
            self._remove_from_indices(tag).execute()


class Channel(redis.Channel):
    """Drops what is no JSON."""

    QoS = QoS

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)
        except (ValueError, RecursionError):  # no JSON, no text, or nested too deeply
            logger.exception("message_unreadable")
            return True  # as after any message

    def _receive_one(self, client: Any) -> Any:
        try:
            return super()._receive_one(client)
        except RecursionError:  # kombu itself drops what is no JSON or no text
            logger.exception("message_unreadable")
            return None


class Transport(redis.Transport):
    """kombu's entry point for `redis://` and `rediss://`. Drops what is no message."""

    Channel = Channel

    def _deliver(self, message: Any, queue: str) -> None:
        if messages.is_envelope(message):
            super()._deliver(message, queue)
        else:
            logger.error("message_unreadable", queue=queue, message=repr(message)[:200])
