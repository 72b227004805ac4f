import json
from typing import Any

import pytest
from celery import Celery
from kombu import Message

from trellis import messages

DEEP = "[" * 100_000 + "]" * 100_000


@pytest.fixture
def envelope() -> Any:
    """A message as kombu writes it."""
    app = Celery("sender", set_as_current=False)
    with app.connection_for_write("memory://") as connection:
        channel = connection.default_channel
        raw = channel.prepare_message("body", content_type="text/plain", content_encoding="utf-8")
        channel._inplace_augment_message(raw, "", "queue")
    return json.loads(json.dumps(raw))


class TestIsEnvelope:
    def test_takes_what_kombu_writes(self, envelope: Any) -> None:
        assert messages.is_envelope(envelope)

    @pytest.mark.parametrize("raw", [7, None, "text", [], {}])
    def test_refuses_what_is_no_message(self, raw: Any) -> None:
        assert not messages.is_envelope(raw)

    @pytest.mark.parametrize(
        "path",
        [
            *(["body"], ["headers"], ["content-type"], ["content-encoding"], ["properties"]),
            *(["properties", key] for key in ("body_encoding", "delivery_tag", "delivery_info")),
            *(["properties", "delivery_info", key] for key in ("exchange", "routing_key")),
        ],
    )
    def test_refuses_a_message_of_which_a_part_is_missing_or_wrong(
        self, envelope: Any, path: list[str]
    ) -> None:
        *parents, key = path
        part = envelope
        for parent in parents:
            part = part[parent]

        part[key] = [7]
        assert not messages.is_envelope(envelope)
        del part[key]
        assert not messages.is_envelope(envelope)


def message(*, body: Any = b"[[], {}, {}]", **headers: Any) -> Message:
    return Message(
        body=body,
        headers={"task": "a.b", "id": "1"} | headers,
        content_type="application/json",
        content_encoding="utf-8",
    )


class TestFaultOfTask:
    def test_is_none_for_what_celery_sends(self) -> None:
        app = Celery("sender", set_as_current=False)
        sent = app.amqp.as_task_v2("1", "a.b", args=(1,), kwargs={"c": 2}, time_limit=60)
        body = json.dumps(sent.body).encode()

        assert messages.fault_of_task(message(body=body, **sent.headers)) == ""
        assert messages.fault_of_task(message()) == ""

    @pytest.mark.parametrize("headers", [None, [], "text", {}, {"task": "a.b"}, {"id": "1"}])
    def test_is_told_when_the_headers_name_no_task(self, headers: Any) -> None:
        sent = message()
        sent.headers = headers

        assert messages.fault_of_task(sent) == "its headers name no task and id"

    @pytest.mark.parametrize("wrong", [{"task": [1]}, {"task": 7}, {"id": [1]}, {"id": None}])
    def test_is_told_when_a_header_is_no_text(self, wrong: dict[str, Any]) -> None:
        assert messages.fault_of_task(message(**wrong)) == "its headers name no task and id"

    @pytest.mark.parametrize("limits", ["x", ["a", "b"], [1], {}])
    def test_is_told_when_the_time_limits_are_no_numbers(self, limits: Any) -> None:
        assert messages.fault_of_task(message(timelimit=limits)) == "its time limits are no numbers"

    @pytest.mark.parametrize("body", [b"\xff", b"garbage", DEEP.encode()])
    def test_is_told_when_the_body_cannot_be_decoded(self, body: bytes) -> None:
        assert "cannot be decoded" in messages.fault_of_task(message(body=body))

    @pytest.mark.parametrize(
        "body",
        [None, b"", b"7", b'"abc"', b"null", b"[1, 2]", b"[7, {}, {}]", b"[[], [1], {}]", b"{}"],
    )
    def test_is_told_when_the_body_holds_no_arguments(self, body: Any) -> None:
        assert messages.fault_of_task(message(body=body)) == "its body holds no arguments"
