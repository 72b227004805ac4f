"""A project in production, behind its proxy: nothing is oversold, and nothing accepted is lost.

`bench/reliability.py` does the same at length, and writes docs/reliability.md.
"""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import outages, reliability
from tests.template import production, servers
from tests.template.living import copy_of
from tests.template.production import Load, Production


@pytest.fixture(scope="module", params=["servers", "files"])
def site(
    request: pytest.FixtureRequest, desk_project: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Production]:
    """The example on PostgreSQL and Redis of its own, and on SQLite and files."""
    servers.needs("nginx", *(["postgres", "redis-server"] if request.param == "servers" else []))
    folder = tmp_path_factory.mktemp("production")
    project = copy_of(desk_project, folder / "desk")
    with production.running(project, folder, on_servers=request.param == "servers") as site:
        yield site


class TestContest:
    def test_sells_each_seat_once_and_answers_everybody(self, site: Production) -> None:
        offer = site.prepare(people=60, sessions=2, seats=15)

        for session in offer.sessions:
            assert production.contest(site, offer, session) == {201: 15, 409: 45}

        outcome = production.what_became_of(site, [])
        assert outcome.wrong == 0


class TestOutage:
    @pytest.mark.parametrize("site", ["servers"], indirect=True)
    def test_of_the_database_loses_nothing_that_was_accepted(self, site: Production) -> None:
        offer = site.prepare(people=40, sessions=10, seats=1000)

        with Load(site.site.proxied, offer, clients=4) as load:
            time.sleep(2)
            outages.postgres_restarted(site)
            over = time.monotonic()
            time.sleep(6)
        accepted = [answer.booking for answer in load.answers if answer.booking]
        outcome = production.what_became_of(site, accepted)

        assert len(accepted) > 20
        assert (outcome.lost, outcome.unsent, outcome.twice, outcome.wrong) == (0, 0, 0, 0), outcome
        assert load.bad_since(over) < 5


class TestPage:
    def test_has_a_row_for_each_measurement_and_nothing_lost(self) -> None:
        rows = {
            name: [cell.strip() for cell in rest.split("|")]
            for rest, name in re.findall(
                r"^\|(.*)\| `(\w+)` \|$", reliability.PAGE.read_text(), re.MULTILINE
            )
        }

        assert {*rows} == {*outages.ALL, *reliability.CONTESTS, *reliability.HOSTS}
        for name in (*outages.ALL, "hosts"):
            assert rows[name][3:5] == ["0", "0"], name
        for name in reliability.CONTESTS:
            assert (rows[name][1], rows[name][3]) == ("20 of 20", "0"), name
            assert not re.search(r" x (5\d\d|none)", rows[name][2]), name
