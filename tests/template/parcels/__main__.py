"""What the tests tell the project to do: `python -m parcels <verb> [<number>]`."""

import sys
import uuid
from typing import Any

import django

django.setup()

from celery import current_app  # noqa: E402
from parcels import services, tasks  # noqa: E402


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


def sweep() -> None:
    print(services.sweep())


def poison() -> None:
    """Publish all that no worker should choke on."""
    queue = current_app.conf.task_default_queue
    with current_app.producer_or_acquire() as producer:
        target = current_app.amqp.queues[queue]
        json_body: dict[str, Any] = {
            "content_type": "application/json",
            "content_encoding": "utf-8",
        }
        task = {"task": "parcels.deliver", "id": str(uuid.uuid4()), "lang": "py"}
        unknown = task | {"task": "parcels.unknown", "id": str(uuid.uuid4())}
        for body, options in (
            (b"\xff garbage", json_body),
            (b"\xff garbage with a name", json_body | {"headers": task}),
            (b"\xff garbage with an unknown name", json_body | {"headers": unknown}),
            ("not a task", {"serializer": "json"}),
            ("of no request", {"serializer": "json", "headers": {"__django_structlog__": "x"}}),
            ({"no": "headers"}, {"serializer": "json"}),
        ):
            producer.publish(
                body,
                exchange=target.exchange,
                routing_key=target.routing_key,
                declare=[target],
                **options,
            )
    current_app.send_task("parcels.unknown", kwargs={"parcel_id": 1}, task_id=str(uuid.uuid4()))
    current_app.send_task("parcels.deliver", kwargs={"wrong": "arguments"})
    tasks.eat_memory.apply_async()
    tasks.never_end.apply_async()
    tasks.kill_worker.apply_async()


def race(series: str, length: str) -> None:
    """Publish series of empty tasks, in turn ours and bare ones, with a mark before and after."""
    tasks.mark.apply_async()
    for number in range(int(series)):
        for _ in range(int(length)):
            (tasks.bare if number % 2 else tasks.nothing).apply_async()
        tasks.mark.apply_async()


def clear() -> None:
    """Delete the queue of this test."""
    with current_app.connection_for_write() as connection:
        queue = current_app.amqp.queues[current_app.conf.task_default_queue](connection)
        queue.declare()
        queue.delete()
        queue.exchange.delete()


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
