"""Proofs that something is right when it happens twice, or at the same time."""

import threading
from collections.abc import Callable
from typing import Any

from django.db import connection, connections

from trellis.checks.guards import RuleBroken


def run_concurrently(*calls: Callable[[], object]) -> list[Exception]:
    """Run calls at the same time, each in a thread of its own; return the errors they raised.

    The test needs `pytest.mark.django_db(transaction=True)`: another thread does not see what the
    transaction of a test has not committed.
    """
    assert not connection.in_atomic_block, (
        "mark this test with @pytest.mark.django_db(transaction=True): its threads must see its"
        " rows"
    )
    barrier = threading.Barrier(len(calls))
    errors: list[Exception] = []

    def run(call: Callable[[], object]) -> None:
        barrier.wait()
        try:
            call()
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def assert_harmless_twice(
    task: Any, /, *, effects: Callable[[], object], once: object, **arguments: Any
) -> None:
    """Prove that a message which is delivered again, or to two workers at once, counts once.

    `effects()` returns what the task has changed, `once` is what that must be after one delivery,
    `arguments` are the task's own. The test needs `pytest.mark.django_db(transaction=True)`.
    """
    connection.ensure_connection()  # a test without the mark fails here, and not in a thread

    def deliver() -> None:
        error = task.apply(kwargs=arguments, throw=False).result
        if isinstance(error, RuleBroken):  # other errors may be what stops the second delivery
            raise error

    assert run_concurrently(deliver, deliver) == []
    deliver()
    assert effects() == once, (
        f"{task.name} was delivered three times and had its effect more than once."
        " Let a conditional UPDATE, a lock or a constraint decide, or put the effect under `once`."
    )
