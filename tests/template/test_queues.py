"""No task is lost and none has its effect twice, whatever is killed, on each broker.

`bench/tasks.py` does the same at length.
"""

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.template import parcel_project, proxy
from tests.template.living import server_url
from tests.template.parcel_project import ParcelProject, wait_until

FILES = "local://localhost"
SHUTDOWN = 4.0  # seconds a worker may finish in, so that a test need not wait for 20
QUIET = 15.0  # seconds without an attempt, after which the sweep looks for what is missing


@pytest.fixture(params=["files", "redis", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> str:
    """The URL of each broker."""
    match request.param:
        case "redis":
            return f"{server_url('TRELLIS_REDIS_URL')}/13"
        case "rabbitmq":
            return server_url("TRELLIS_RABBITMQ_URL")
        case _:
            return FILES


@pytest.fixture
def project(desk_project: Path, tmp_path: Path, broker: str) -> Iterator[ParcelProject]:
    with parcel_project.opened(desk_project, tmp_path, broker, shutdown=SHUTDOWN) as project:
        yield project


class TestKilledWorkers:
    def test_lose_nothing_and_do_nothing_twice(self, project: ParcelProject) -> None:
        outcome = parcel_project.kill_at_random(
            project, parcels=100, kills=4, dice=random.Random(), quiet=QUIET
        )

        assert outcome.killed_mains >= 2
        assert (outcome.lost, outcome.delivered_twice, project.failures()) == (0, 0, 0), outcome
        # Redis gives back what a killed worker held only after an hour, so there the sweep does.
        assert outcome.swept == 0 or "redis" in project.broker, outcome


class TestOnce:
    @pytest.mark.parametrize("broker", ["files"], indirect=True)
    def test_is_done_by_one_of_two_workers_that_start_at_the_same_time(
        self, project: ParcelProject
    ) -> None:
        for _ in range(2):
            project.start_worker()

        project.parcels("send_twice", "1")
        project.wait_for_deliveries(1)
        wait_until(lambda: project.attempts == 3, "the other one to look again")

        assert (project.delivered_twice, project.failures()) == (0, 0)

    @pytest.mark.parametrize("broker", ["files"], indirect=True)
    def test_is_done_when_the_claim_of_a_killed_process_has_ended(
        self, project: ParcelProject
    ) -> None:
        project.start_worker()

        project.parcels("send_deadly")
        project.wait_for_deliveries(1)

        # Killed; a retry that finds the claim taken, and waits; a retry after the claim's end.
        assert (project.attempts, project.delivered_twice, project.failures()) == (3, 0, 0)


class TestInterruptedBroker:
    @pytest.mark.parametrize("broker", ["redis", "rabbitmq"], indirect=True)
    def test_keeps_what_it_has_accepted(
        self, desk_project: Path, tmp_path: Path, broker: str
    ) -> None:
        with (
            proxy.proxied(broker) as (connection, url),
            parcel_project.opened(desk_project, tmp_path, url) as project,
        ):
            outcome, unpublished = parcel_project.interrupt_broker(
                project,
                parcels=100,
                moments=(20, 50),
                stop=connection.stop,
                start=connection.start,
                quiet=QUIET,
            )

        assert (outcome.sent, outcome.lost, outcome.delivered_twice) == (100, 0, 0), outcome
        assert outcome.swept <= unpublished or "redis" in broker, (outcome, unpublished)

    def test_of_files_keeps_everything_while_no_process_runs(
        self, desk_project: Path, tmp_path: Path
    ) -> None:
        with parcel_project.opened(desk_project, tmp_path, FILES) as project:
            for _ in range(2):
                project.start_worker()
            project.parcels("send_long", "60")
            project.parcels("send", "40")
            project.wait_for_deliveries(10)
            project.kill_workers()
            assert project.delivered < project.sent == 41
            project.start_worker()

            outcome = parcel_project.wait_and_count(project, quiet=QUIET)

        assert (outcome.swept, outcome.lost, outcome.delivered_twice) == (0, 0, 0), outcome


class TestHangingBroker:
    @pytest.mark.parametrize("broker", ["redis", "rabbitmq"], indirect=True)
    def test_does_not_hang_a_request_and_its_messages_become_rows(
        self, desk_project: Path, tmp_path: Path, broker: str
    ) -> None:
        with (
            proxy.proxied(broker) as (connection, url),
            parcel_project.opened(desk_project, tmp_path, url) as project,
        ):
            connection.hang()
            started = time.monotonic()
            project.parcels("send", "2")
            seconds = time.monotonic() - started
            connection.resume()

            assert (project.sent, project.failures("parcels.deliver")) == (2, 2)
            assert seconds < 60  # 2 x 1.6 s, and the start of the process on a busy machine


class TestDeploy:
    def test_finishes_what_is_short_and_hands_over_what_is_long(
        self, project: ParcelProject
    ) -> None:
        old = project.start_worker()
        project.parcels("send_long", "60")
        wait_until(lambda: project.attempts == 1, "the start of the long one")
        project.parcels("send", "20")
        project.wait_for_deliveries(5)

        project.stop_worker(old)
        outcome = parcel_project.wait_and_count(project, quiet=QUIET)

        assert (outcome.sent, outcome.swept, outcome.lost) == (21, 0, 0), outcome
        assert (outcome.delivered_twice, project.failures()) == (0, 0), outcome
        assert outcome.repeated >= 1  # the long one, which was begun and handed over


class TestPoison:
    def test_stops_no_worker_and_leaves_a_row_if_it_can_be_read(
        self, project: ParcelProject
    ) -> None:
        worker = project.start_worker(concurrency=1)
        (child,) = worker.children()
        os.kill(child, signal.SIGKILL)  # an idle one

        project.parcels("poison")
        if not project.broker.startswith("amqp"):
            project.parcels("garbage")
        project.parcels("send", "3")
        project.wait_for_deliveries(3)
        rows = {
            "parcels.deliver": 1,  # wrong arguments
            "parcels.unknown": 1,
            "parcels.eat_memory": 1,
            "parcels.never_end": 1,
            "parcels.kill_worker": 1,
        }
        for name, count in rows.items():
            wait_until(lambda: project.failures(name) == count, f"{count} rows of {name}")  # noqa: B023

        assert project.failures() == sum(rows.values())
        tries = "SELECT attempts FROM trellis_failedtask WHERE name = ?"
        assert project.count(tries, "parcels.kill_worker") == 2  # once, and its one retry
        assert "message_unreadable" in project.worker_logs()
        assert worker.process.poll() is None


class TestAfterCommit:
    def test_sends_nothing_that_was_rolled_back_and_sweeps_what_was_not_sent(
        self, desk_project: Path, tmp_path: Path
    ) -> None:
        with parcel_project.opened(desk_project, tmp_path, FILES) as project:
            assert project.parcels("send_refused") == "refused"
            assert project.sent == 0

            project.parcels("send_and_die", exit_code=-signal.SIGKILL)
            assert project.sent == 1
            assert list((tmp_path / "broker").glob("queued/*/*.msg")) == []

            project.start_worker()
            assert project.parcels("sweep") == "1"
            project.wait_for_deliveries(1)
