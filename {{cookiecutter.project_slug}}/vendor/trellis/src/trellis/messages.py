"""What a message must look like before a worker touches it.

kombu and Celery trust what is on a queue: one message that is no JSON, or that has no body, ends
a worker, and then the next one. A message that is refused here is logged and dropped.
"""

from typing import Any


def is_envelope(raw: Any) -> bool:
    """Whether decoded JSON is a message as kombu writes it into Redis or a file."""
    match raw:
        case {
            "body": str(),
            "content-type": str(),
            "content-encoding": str(),
            "headers": dict(),
            "properties": {
                "body_encoding": "base64",
                "delivery_tag": str(),
                "delivery_info": {"exchange": str(), "routing_key": str()},
            },
        }:
            return True
    return False


def fault_of_task(message: Any) -> str:
    """Return why a kombu message is no task of Celery's protocol 2; "" if it is one."""
    headers = message.headers
    match headers:
        case {"task": str(), "id": str()}:
            pass
        case _:
            return "its headers name no task and id"
    match headers.get("timelimit"):
        case None | [int() | float() | None, int() | float() | None]:
            pass
        case _:
            return "its time limits are no numbers"
    try:
        payload = message.payload
    except Exception as error:
        return f"its body cannot be decoded: {error}"
    match payload:
        case [list(), dict(), dict() | None]:
            return ""
    return "its body holds no arguments"
