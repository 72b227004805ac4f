"""Two ways to do a thing, timed in turn: on a busy machine only the ratio means something."""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection

Way = Callable[[], object]


def compare(*, rounds: int = 30, **ways: Way) -> dict[str, float]:
    """Time each way in turn, `rounds` times; print and return the ratio of each to the first."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):  # the first round only warms up
        for name, way in ways.items():
            begun = time.perf_counter()
            way()
            if number:
                seconds[name].append(time.perf_counter() - begun)
    medians = {name: statistics.median(measured) for name, measured in seconds.items()}
    base = next(iter(medians.values()))
    for name, median in medians.items():
        print(f"{name:20} {1000 * median:8.2f} ms   ratio {median / base:.2f}")
    return {name: median / base for name, median in medians.items()}


@contextmanager
def scratch_database() -> Iterator[None]:
    """Work on an empty database beside the real one, as the tests do, and drop it at the end."""
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)
