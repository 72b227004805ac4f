"""Tasks under fire, on each broker: what the project's settings and conventions are for.

`bench/tasks.py` does the same at length.
"""

import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import depot, wire
from tests.template.living import server_url

FILES = "local://localhost"
SHUTDOWN = 4.0  # seconds a worker may finish in, so that a test need not wait for 20


@pytest.fixture(params=["files", "redis", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> str:
    """The address of a broker of each kind."""
    match request.param:
        case "redis":
            return f"{server_url('TRELLIS_REDIS_URL')}/13"
        case "rabbitmq":
            return server_url("TRELLIS_RABBITMQ_URL")
        case _:
            return FILES


@pytest.fixture
def house(desk_project: Path, tmp_path: Path, broker: str) -> Iterator[depot.Depot]:
    with depot.opened(desk_project, tmp_path, broker, shutdown=SHUTDOWN) as house:
        yield house


class TestKilledWorkers:
    def test_lose_nothing_and_do_nothing_twice(self, house: depot.Depot) -> None:
        outcome = depot.chaos(house, parcels=150, kills=6, dice=random.Random(), quiet=15)

        assert outcome.killed_mains >= 3
        assert (outcome.lost, outcome.harmed, house.failures()) == (0, 0, 0), outcome
        # Redis gives back what a killed worker held only after an hour, so there the sweep does.
        assert outcome.rescued == 0 or "redis" in house.broker, outcome


class TestRestartedBroker:
    @pytest.mark.parametrize("broker", ["redis", "rabbitmq"], indirect=True)
    def test_keeps_what_it_has_accepted(
        self, desk_project: Path, tmp_path: Path, broker: str
    ) -> None:
        with (
            wire.wired(broker) as (line, address),
            depot.opened(desk_project, tmp_path, address) as house,
        ):
            outcome, refused = depot.restart(
                house,
                parcels=100,
                moments=(20, 50),
                off=line.go_down,
                on=line.come_back,
                quiet=15,
            )

        assert (outcome.sent, outcome.lost, outcome.harmed) == (100, 0, 0), outcome
        assert outcome.rescued <= refused or "redis" in broker, (outcome, refused)

    def test_is_no_matter_when_all_processes_are_gone_and_come_back(
        self, desk_project: Path, tmp_path: Path
    ) -> None:
        with depot.opened(desk_project, tmp_path, FILES) as house:
            for _ in range(2):
                house.hire()
            house.parcels("send_long", "60")
            house.parcels("send", "40")
            house.wait_for(10)
            house.dismiss_all()
            assert house.delivered < house.sent == 41
            house.hire()

            outcome = depot.settled(house, quiet=15)

        assert (outcome.rescued, outcome.lost, outcome.harmed) == (0, 0, 0), outcome


class TestHangingBroker:
    @pytest.mark.parametrize("broker", ["redis", "rabbitmq"], indirect=True)
    def test_keeps_nobody_and_leaves_a_row_of_what_it_did_not_take(
        self, desk_project: Path, tmp_path: Path, broker: str
    ) -> None:
        with (
            wire.wired(broker) as (line, address),
            depot.opened(desk_project, tmp_path, address) as house,
        ):
            line.clog()
            house.parcels("send", "2")
            line.unclog()

            assert (house.sent, house.failures("parcels.deliver")) == (2, 2)


class TestDeploy:
    def test_finishes_what_is_short_and_hands_over_what_is_long(self, house: depot.Depot) -> None:
        old = house.hire()
        house.parcels("send_long", "60")
        depot.until(lambda: house.attempts == 1, "the long one to be begun")
        house.parcels("send", "20")
        house.wait_for(5)

        os.kill(old.process.pid, signal.SIGTERM)
        house.hire()
        depot.until(lambda: old.process.poll() is not None, "the old worker's end")
        outcome = depot.settled(house, quiet=15)

        assert (outcome.sent, outcome.rescued, outcome.lost) == (21, 0, 0), outcome
        assert (outcome.harmed, house.failures()) == (0, 0), outcome
        assert outcome.twice >= 1  # the long one, which was begun and handed over


class TestPoison:
    def test_stops_no_worker_and_is_not_swallowed(self, house: depot.Depot) -> None:
        worker = house.hire()
        for child in worker.children():  # they are idle
            os.kill(child, signal.SIGKILL)

        house.parcels("poison")
        house.parcels("send", "3")
        house.wait_for(3)
        rows = {
            "(no task)": 4,  # garbage, a text, an object, a text from no sensible request
            "parcels.deliver": 2,  # garbage with a name, wrong arguments
            "parcels.unknown": 2,  # one with arguments, one with garbage
            "parcels.eat_memory": 1,
            "parcels.never_end": 1,
            "parcels.kill_worker": 1,
        }
        for name, count in rows.items():
            depot.until(lambda: house.failures(name) == count, f"{count} rows of {name}")  # noqa: B023

        tried = house.count(
            "SELECT attempts FROM trellis_failedtask WHERE name = ?", "parcels.kill_worker"
        )
        assert tried == 2  # once, and once more for its one retry
        said = house.said()
        assert "garbage" in said
        assert "not a task" in said
        assert worker.process.poll() is None


class TestAfterCommit:
    def test_sends_nothing_that_was_rolled_back_and_finds_what_was_not_sent(
        self, desk_project: Path, tmp_path: Path
    ) -> None:
        with depot.opened(desk_project, tmp_path, FILES) as house:
            assert house.parcels("send_refused") == "refused"
            assert house.sent == 0

            house.parcels("send_and_die", fails_with=-signal.SIGKILL)
            assert house.sent == 1
            assert list((tmp_path / "broker").glob("queued/*/*.msg")) == []

            house.hire()
            assert house.parcels("sweep") == "1"
            house.wait_for(1)
