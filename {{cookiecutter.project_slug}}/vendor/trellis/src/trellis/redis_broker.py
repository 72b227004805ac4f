"""kombu's Redis transport, which garbage on a queue cannot stop.

kombu decodes what it pops before anything else looks at it, and an error there ends the worker.
"""

from typing import Any

import structlog
from kombu.transport import redis

from trellis import messages

logger = structlog.get_logger(__name__)


class Channel(redis.Channel):
    """Drops what is no JSON."""

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)
        except (ValueError, RecursionError):  # no JSON, no text, or nested too deeply
            logger.exception("message_unreadable")
            return True  # as after any message


class Transport(redis.Transport):
    """kombu's entry point for `redis://` and `rediss://`. Drops what is no message."""

    Channel = Channel

    def _deliver(self, message: Any, queue: str) -> None:
        if messages.is_envelope(message):
            super()._deliver(message, queue)
        else:
            logger.error("message_unreadable", queue=queue, message=repr(message)[:200])
