"""What the tests tell the project to do: `python -m parcels COMMAND [ARGUMENTS]`."""

import json
import sys
import uuid
from typing import Any

import django

django.setup()

from celery import current_app  # noqa: E402
from parcels import services, tasks  # noqa: E402

DEEP = "[" * 100_000 + "]" * 100_000


def send(number: str) -> None:
    for _ in range(int(number)):
        services.send()


def send_long(seconds: str) -> None:
    services.send(takes=float(seconds))


def send_refused() -> None:
    try:
        services.send(refuse=True)
    except services.Refused:
        print("refused")


def send_and_die() -> None:
    services.send_and_die()


def send_twice(seconds: str) -> None:
    services.send_by_claim(takes=float(seconds), copies=2, deadly=False)


def send_deadly() -> None:
    services.send_by_claim(takes=0, copies=1, deadly=True)


def sweep() -> None:
    print(services.sweep())


def poison() -> None:
    """Publish what must stop no worker: garbage, unknown tasks, tasks that harm their worker."""
    for body, headers in (
        ("\xff garbage", None),
        ("\xff garbage", {"task": "parcels.deliver"}),
        ("\xff garbage", {"task": "parcels.unknown"}),
        (DEEP, {"task": "parcels.deliver"}),
        ("7", {"task": "parcels.deliver"}),
        ("[1, 2]", {"task": "parcels.deliver"}),
        ('"a text"', None),
        ('{"no": "headers"}', None),
        ('"a text"', {"__django_structlog__": "x"}),
        ("[[], {}, {}]", {"task": ["parcels.deliver"]}),
        ("[[], {}, {}]", {"task": "parcels.deliver", "id": ["1"]}),
        ("[[], {}, {}]", {"task": "parcels.deliver", "timelimit": "x"}),
    ):
        publish(body, headers={"id": str(uuid.uuid4())} | headers if headers else None)
    current_app.send_task("parcels.unknown", kwargs={"parcel_id": 1}, task_id=str(uuid.uuid4()))
    current_app.send_task("parcels.deliver", kwargs={"wrong": "arguments"})
    tasks.eat_memory.apply_async()
    tasks.never_end.apply_async()
    tasks.kill_worker.apply_async()


def publish(body: str, *, headers: dict[str, Any] | None) -> None:
    queue = current_app.amqp.queues[current_app.conf.task_default_queue]
    with current_app.producer_or_acquire() as producer:
        producer.publish(
            body.encode("latin-1"),
            exchange=queue.exchange,
            routing_key=queue.routing_key,
            declare=[queue],
            content_type="application/json",
            content_encoding="utf-8",
            headers=headers,
        )


def garbage() -> None:
    """Put into a Redis, or into files, what kombu itself would never write."""
    queue = current_app.amqp.queues[current_app.conf.task_default_queue]
    with current_app.connection_for_write() as connection:
        channel = connection.default_channel
        queue(channel).declare()
        message = channel.prepare_message("body", headers={"task": "parcels.deliver", "id": "1"})
        items = ["garbage", "7", "null", "[]", "{}", DEEP]
        items += [
            json.dumps({key: message[key] for key in message if key != part}) for part in message
        ]
        for number, item in enumerate(items):
            if hasattr(channel, "client"):
                channel.client.lpush(queue.name, item)
            else:
                folder = channel.queued / queue.name
                folder.mkdir(exist_ok=True)
                (folder / f"{number}.{queue.name}.msg").write_text(item)


def race(series: str, length: str) -> None:
    """Publish series of empty tasks, in turn ours and bare ones, with a mark before and after."""
    tasks.mark.apply_async()
    for number in range(int(series)):
        for _ in range(int(length)):
            (tasks.bare if number % 2 else tasks.nothing).apply_async()
        tasks.mark.apply_async()


def delete_queue() -> None:
    with current_app.connection_for_write() as connection:
        queue = current_app.amqp.queues[current_app.conf.task_default_queue](connection)
        queue.declare()
        queue.delete()
        queue.exchange.delete()


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
