"""Garbage on a queue in a real Redis."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from kombu import Connection, Exchange, Queue

from tests.template.living import server_url

DEEP = "[" * 100_000 + "]" * 100_000


@pytest.fixture
def queue() -> str:
    return f"tests-{uuid.uuid4()}"


@pytest.fixture
def connection(queue: str) -> Iterator[Connection]:
    url = f"{server_url('TRELLIS_REDIS_URL')}/10"
    with Connection(url, transport="trellis.redis_broker:Transport") as connection:
        yield connection
        connection.default_channel.queue_delete(queue)


class TestGarbage:
    @pytest.mark.parametrize(
        "item", ["garbage", b"\xff", "7", "null", "[]", "{}", DEEP, ["body"], ["properties"]]
    )
    def test_is_dropped_and_the_next_message_is_delivered(
        self, connection: Connection, queue: str, item: Any
    ) -> None:
        bodies: list[str] = []
        client = connection.default_channel.client
        with connection.Producer() as producer:
            producer.publish("broken", routing_key=queue, declare=[Queue(queue)])
            if isinstance(item, list):  # a message without one of its parts
                message = json.loads(client.rpop(queue))
                del message[item[0]]
                item = json.dumps(message)
            else:
                client.delete(queue)
            client.lpush(queue, item)
            producer.publish("good", routing_key=queue)

        with connection.Consumer(Queue(queue), callbacks=[lambda body, _: bodies.append(body)]):
            while not bodies:
                connection.drain_events(timeout=10)

        assert bodies == ["good"]

    def test_that_is_a_command_is_dropped(self, connection: Connection, queue: str) -> None:
        bodies: list[str] = []
        exchange = Exchange(queue, type="fanout")
        channel = connection.default_channel
        with connection.Consumer(
            Queue(queue, exchange), callbacks=[lambda body, _: bodies.append(body)], no_ack=True
        ):
            connection.drain_events(timeout=10)  # subscribes
            assert channel.client.publish(channel._get_publish_topic(queue, ""), DEEP) == 1
            with connection.Producer() as producer:
                producer.publish("good", exchange=queue)
            while not bodies:
                connection.drain_events(timeout=10)

        assert bodies == ["good"]

    @pytest.mark.parametrize("item", ["garbage", b"\xff", "7", "[1]", DEEP])
    def test_that_was_not_acknowledged_is_dropped(
        self, connection: Connection, item: str | bytes
    ) -> None:
        channel = connection.default_channel
        tag = str(uuid.uuid4())
        channel.client.hset(channel.unacked_key, tag, item)
        channel.client.zadd(channel.unacked_index_key, {tag: 0})

        channel.qos.restore_by_tag(tag)

        assert not channel.client.hexists(channel.unacked_key, tag)
        assert channel.client.zscore(channel.unacked_index_key, tag) is None
